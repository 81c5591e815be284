//! What becomes of detached exits when `main` ends.

use std::process::Command;

use async_with::{async_with, set_lost_error_hook};
use futures::future::BoxFuture;

use crate::cases::endless;
use crate::common::trace::{Gate, Trace, Traced, cut_at};
use crate::multi_thread;

/// Runs the test `name` again, as a process of its own, and gives what its hook says.
fn hook_of_process(name: &str) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("main ends"), "{stderr}");
    stderr.lines().filter(|line| line.starts_with("lost: ")).map(str::to_owned).collect()
}

const CHILD: &str = "ASYNC_WITH_TEST_ENDS_ITS_MAIN";

/// Detaches an exit that does not end, as the last thing that `main` does.
fn end_main(block_on: impl FnOnce(BoxFuture<'static, ()>)) -> ! {
    set_lost_error_hook(|lost| eprintln!("lost: {lost}"));
    block_on(Box::pin(async {
        let (trace, never) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&never);
        cut_at(async { async_with!(manager => { endless(&trace).await }) }, &trace, "body").await;
        trace.reached("exit A: cancelled").await;
    }));
    eprintln!("main ends");
    std::process::exit(0);
}

#[test]
fn a_runtime_that_main_drops_reports_its_detached_exits() {
    if std::env::var_os(CHILD).is_some() {
        end_main(|last| {
            let runtime = multi_thread();
            runtime.block_on(last);
            drop(runtime);
        });
    }
    let lost = hook_of_process("end_of_main::a_runtime_that_main_drops_reports_its_detached_exits");
    let [line] = &*lost else { panic!("one line: {lost:?}") };
    for part in ["::Traced", "end_of_main.rs:", "told `cancelled`", "its runtime shut down"] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
}

#[test]
fn an_exit_on_the_background_thread_ends_with_the_process_without_a_word() {
    if std::env::var_os(CHILD).is_some() {
        end_main(futures::executor::block_on);
    }
    let lost =
        hook_of_process("end_of_main::an_exit_on_the_background_thread_ends_with_the_process_without_a_word");
    assert!(lost.is_empty(), "{lost:?}");
}
