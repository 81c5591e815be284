//! The sequence alone.

use std::future::pending;
use std::hint::black_box;
use std::panic::panic_any;

use async_with::{LocalAsyncContextManager, Outcome};

use super::{Case, Run};
use crate::managers::Local;
use crate::stage::{once, repeat, repeat_cut, repeat_panicking};

pub fn block(case: Case) -> Run {
    match case {
        Case::NoOp => |times| repeat(times, no_op),
        Case::Waits => |times| repeat(times, waits),
        Case::Returns => |times| repeat(times, returns),
        Case::Nested | Case::Items => |times| repeat(times, nested),
        Case::Kilobyte => |times| repeat(times, kilobyte),
        Case::Cut => |times| repeat_cut(times, cut),
        Case::Panics => |times| repeat_panicking(times, panics),
    }
}

async fn no_op() -> u64 {
    let mut manager = Local;
    let Ok(mut value) = manager.enter().await;
    value += 1;
    let result = value;
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    result
}

async fn waits() -> u64 {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    once().await;
    let result = value;
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    result
}

async fn returns() -> u64 {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    if value > 0 {
        let Ok(()) = manager.exit(value, Outcome::Returned).await;
        return value;
    }
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    0
}

async fn nested() -> u64 {
    let mut outer = Local;
    let Ok(a) = outer.enter().await;
    let mut middle = Local;
    let Ok(b) = middle.enter().await;
    let mut inner = Local;
    let Ok(c) = inner.enter().await;
    let result = a + b + c;
    let Ok(()) = inner.exit(c, Outcome::Completed).await;
    let Ok(()) = middle.exit(b, Outcome::Completed).await;
    let Ok(()) = outer.exit(a, Outcome::Completed).await;
    result
}

async fn kilobyte() -> u64 {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    let mut page = [0_u8; 1024];
    black_box(&mut page);
    once().await;
    black_box(&page);
    let result = value;
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    result
}

async fn cut() -> u64 {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    black_box(value);
    pending::<()>().await;
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    value
}

async fn panics() -> u64 {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    if black_box(value) > 0 {
        panic_any("on purpose");
    }
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
    value
}
