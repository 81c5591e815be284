//! `#[scoped]`.

use async_with::scoped;

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[scoped]
pub(super) async fn unit(log: &Log) {
    #[enter]
    let _guard = log.sure("a");
    log.add("body");
}

#[scoped]
pub(super) async fn several(log: &Log, early: bool) -> Result<u32, Failure> {
    #[enter]
    let a = log.unsure("a");
    let number = *a + 1;
    #[enter]
    let mut b = log.sure("b").value(number);
    if early {
        return Ok(0);
    }
    if *b > 5 {
        b = a;
    }
    Ok(*b)
}

#[scoped]
pub(super) async fn loops(log: &Log, numbers: &[u32]) -> Result<Option<u32>, Failure> {
    for &number in numbers {
        #[enter]
        let a = log.unsure("a");
        if number == 0 {
            continue;
        }
        if number > 100 {
            break;
        }
        *a += number;
        log.add(number.to_string());
    }
    let found = 'outer: loop {
        #[enter]
        let _ = log.unsure("b");
        for &number in numbers {
            #[enter]
            let _ = log.sure("c");
            if number == 7 {
                break 'outer Some(number);
            }
        }
        break None;
    };
    Ok(found)
}

#[scoped]
pub(super) async fn ends_in_the_question_mark(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let number = {
        #[enter]
        let () = Fallible;
        text.parse::<u32>()?
    };
    #[enter]
    let () = Plain;
    Ok(number + text.parse::<u32>()?)
}

#[scoped]
pub(super) async fn always_returns(log: &Log) -> u32 {
    loop {
        #[enter]
        let a = log.sure("a").value(1);
        return *a;
    }
}

#[scoped]
pub(super) async fn ends_in_a_panic(number: Option<u8>) -> u8 {
    #[enter]
    let () = Plain;
    match number {
        Some(number) => number,
        None => panic!("no number"),
    }
}

#[scoped]
pub(super) async fn nothing_is_behind_it() {
    #[enter]
    let () = Plain;
}

#[scoped]
pub(super) async fn moves_a_parameter(mut list: Vec<u32>, extra: Vec<u32>) -> Vec<u32> {
    {
        #[enter]
        let () = Plain;
        list.extend(extra);
    }
    #[enter]
    let () = Plain;
    list
}

#[must_use = "it is what was asked for"]
#[scoped]
pub(super) async fn is_opaque(text: &str) -> impl Iterator<Item = char> {
    #[enter]
    let () = Plain;
    text.chars()
}
