//! With the guarantees, as the expert writes it. What a body cannot do by itself any more, to leave the function, is done after
//! the block.

use std::future::pending;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::panic::panic_any;

use super::{Case, Run};
use crate::expert::settle;
use crate::managers::Manager;
use crate::stage::{once, repeat, repeat_cut, repeat_cut_and_settle, repeat_panicking};

pub fn block<M: Manager>(case: Case) -> Run {
    match case {
        Case::NoOp => |times| repeat(times, no_op::<M>),
        Case::Waits => |times| repeat(times, waits::<M>),
        Case::Returns => |times| repeat(times, returns::<M>),
        // By hand, three items are three nested blocks.
        Case::Nested | Case::Items => |times| repeat(times, nested::<M>),
        Case::Kilobyte => |times| repeat(times, kilobyte::<M>),
        Case::Cut if M::DETACHES => |times| repeat_cut_and_settle(times, cut::<M>, settle),
        Case::Cut => |times| repeat_cut(times, cut::<M>),
        Case::Panics => |times| repeat_panicking(times, panics::<M>),
    }
}

async fn no_op<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |value| {
        *value += 1;
        *value
    })
    .await;
    result
}

async fn waits<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |value| {
        once().await;
        *value
    })
    .await;
    result
}

async fn returns<M: Manager>() -> u64 {
    let Ok(ended) = M::by_hand(async |value| {
        if *value > 0 {
            return ControlFlow::Break(*value);
        }
        ControlFlow::Continue(())
    })
    .await;
    if let ControlFlow::Break(result) = ended {
        return result;
    }
    0
}

async fn nested<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |a| {
        let Ok(result) = M::by_hand(async |b| {
            let Ok(result) = M::by_hand(async |c| *a + *b + *c).await;
            result
        })
        .await;
        result
    })
    .await;
    result
}

async fn kilobyte<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |value| {
        let mut page = [0_u8; 1024];
        black_box(&mut page);
        once().await;
        black_box(&page);
        *value
    })
    .await;
    result
}

async fn cut<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |value| {
        black_box(*value);
        pending::<()>().await;
        *value
    })
    .await;
    result
}

async fn panics<M: Manager>() -> u64 {
    let Ok(result) = M::by_hand(async |value| {
        if black_box(*value) > 0 {
            panic_any("on purpose");
        }
        *value
    })
    .await;
    result
}
