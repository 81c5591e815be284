//! In functions that are not async.

use std::panic::{AssertUnwindSafe, catch_unwind};

use async_with::{Outcome, with};

use crate::common::log::{Failure, Log, LostErrors};

#[test]
fn the_value_is_that_of_the_body() {
    let log = Log::default();
    assert_eq!(with!(log.sure("a").value(2) as a => { *a + 1 }), 3);
    assert_eq!(with!(log.unsure("b").value(3) as b => *b), Ok(3));
    with!(log.sure("c"), {});
    log.expect(&[
        "enter a",
        "exit a: completed",
        "enter b",
        "exit b: completed",
        "enter c",
        "exit c: completed",
    ]);
}

fn leave(log: &Log, how: &str) -> Result<&'static str, Failure> {
    for _ in 0..1 {
        with!(log.unsure("a") => {
            let _local = log.on_drop("drop local");
            match how {
                "return" => return Ok("returned"),
                "return err" => return Err(Failure("err")),
                "?" => Err(Failure("question mark"))?,
                "break" => break,
                "continue" => continue,
                _ => {}
            }
        })?;
        log.add("after");
    }
    Ok("fell through")
}

#[test]
fn each_way_out_runs_the_exit_once_and_tells_it_which() {
    let log = Log::default();
    assert_eq!(leave(&log, "end"), Ok("fell through"));
    log.expect(&["enter a", "drop local", "exit a: completed", "after"]);
    for (how, result, told) in [
        ("return", Ok("returned"), "returned"),
        ("return err", Err(Failure("err")), "failed"),
        ("?", Err(Failure("question mark")), "failed"),
        ("break", Ok("fell through"), "broke"),
        ("continue", Ok("fell through"), "continued"),
    ] {
        assert_eq!(leave(&log, how), result);
        log.expect(&["enter a", "drop local", &format!("exit a: {told}")]);
    }
}

#[test]
fn jumps_cross_nested_blocks_and_carry_values() {
    let log = Log::default();
    let found = 'search: {
        for x in 1.. {
            with!(log.sure("a") => {
                with!(log.sure("b"), log.sure("c") => {
                    if x == 2 {
                        break 'search x * 10;
                    }
                });
            });
        }
        unreachable!()
    };
    assert_eq!(found, 20);
    let turn = |told: &str| {
        let exit = |name| format!("exit {name}: {told}");
        let enter = |name| format!("enter {name}");
        [enter("a"), enter("b"), enter("c"), exit("c"), exit("b"), exit("a")]
    };
    let all = [turn("completed"), turn("broke")].concat();
    log.expect(&all.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn closures_and_options_are_left() {
    let log = Log::default();
    let closure = |input: Option<u32>| -> Option<u32> { with!(log.sure("a") => { Some(input? + 1) }) };
    assert_eq!((closure(Some(1)), closure(None)), (Some(2), None));
    log.expect(&["enter a", "exit a: completed", "enter a", "exit a: returned"]);
}

#[test]
fn questions_hidden_in_macros_leave_the_function() {
    fn run(log: &Log, text: &str) -> anyhow::Result<String> {
        with!(log.sure("a") => {
            let text = format!("{}", text.parse::<u8>()?);
            if text == "1" {
                anyhow::bail!("one");
            }
            Ok(text)
        })
    }

    let log = Log::default();
    assert!(run(&log, "x").is_err());
    assert_eq!(run(&log, "1").unwrap_err().to_string(), "one");
    assert_eq!(run(&log, "2").unwrap(), "2");
    log.expect(&["enter a", "exit a: failed", "enter a", "exit a: failed", "enter a", "exit a: completed"]);
}

#[test]
fn a_failing_enter_or_exit_is_the_value() {
    let log = Log::default();
    assert_eq!(with!(log.unsure("a").enter_fails(Failure("enter")) => {}), Err(Failure("enter")));
    assert_eq!(with!(log.unsure("b").exit_fails(Failure("exit")) => { 1 }), Err(Failure("exit")));
    assert_eq!(with!(log.sure("c"), log.unsure("d").enter_fails(Failure("d")) => { 1 }), Err(Failure("d")));
    log.expect(&["enter a", "enter b", "exit b: completed", "enter c", "enter d", "exit c: failed"]);
}

#[test]
fn a_failing_exit_takes_the_way_out_back() {
    fn run(log: &Log) -> Result<u8, Failure> {
        with!(log.unsure("a").exit_fails(Failure("exit")) => { return Ok(1) })?;
        Ok(2)
    }

    assert_eq!(run(&Log::default()), Err(Failure("exit")));
}

// test262: staging/explicit-resource-management/exception-handling, the synchronous twin.
#[test]
fn when_both_fail_the_bodys_failure_leaves_and_the_exits_goes_to_the_hook() {
    fn run() -> Result<u8, Failure> {
        with!(Log::default().unsure("a").exit_fails(Failure("sync exit")) => { Err(Failure("body"))? })
    }

    let lost = LostErrors::with("sync exit");
    let line = line!() - 4;
    assert_eq!(run(), Err(Failure("body")));
    let all = lost.all();
    assert_eq!((all.len(), all[0].line, all[0].outcome), (1, line, Outcome::Failed));
}

#[test]
fn a_panic_goes_on_after_the_exits() {
    let log = Log::default();
    let panics = catch_unwind(AssertUnwindSafe(|| {
        with!(log.sure("a"), log.sure("b") => { panic!("body") });
    }));
    assert_eq!(panics.unwrap_err().downcast_ref(), Some(&"body"));
    log.expect(&["enter a", "enter b", "exit b: panicked", "exit a: panicked"]);
}
