//! With the guarantees, by the macro.

use std::future::pending;
use std::hint::black_box;
use std::panic::panic_any;

use async_with::{async_with, settle};

use super::{Case, Run};
use crate::managers::Manager;
use crate::stage::{once, repeat, repeat_cut, repeat_cut_and_settle, repeat_panicking};

pub fn block<M: Manager>(case: Case) -> Run {
    match case {
        Case::NoOp => |times| repeat(times, no_op::<M>),
        Case::Waits => |times| repeat(times, waits::<M>),
        Case::Returns => |times| repeat(times, returns::<M>),
        Case::Nested => |times| repeat(times, nested::<M>),
        Case::Items => |times| repeat(times, items::<M>),
        Case::Kilobyte => |times| repeat(times, kilobyte::<M>),
        Case::Cut if M::DETACHES => |times| repeat_cut_and_settle(times, cut::<M>, settle),
        Case::Cut => |times| repeat_cut(times, cut::<M>),
        Case::Panics => |times| repeat_panicking(times, panics::<M>),
    }
}

async fn no_op<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        *value += 1;
        *value
    })
}

async fn waits<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        once().await;
        *value
    })
}

async fn returns<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        if *value > 0 {
            return *value;
        }
    });
    0
}

async fn nested<M: Manager>() -> u64 {
    async_with!(M::default() as a => {
        async_with!(M::default() as b => {
            async_with!(M::default() as c => { *a + *b + *c })
        })
    })
}

async fn items<M: Manager>() -> u64 {
    async_with!(M::default() as a, M::default() as b, M::default() as c => { *a + *b + *c })
}

async fn kilobyte<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        let mut page = [0_u8; 1024];
        black_box(&mut page);
        once().await;
        black_box(&page);
        *value
    })
}

async fn cut<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        black_box(*value);
        pending::<()>().await;
        *value
    })
}

async fn panics<M: Manager>() -> u64 {
    async_with!(M::default() as value => {
        if black_box(*value) > 0 {
            panic_any("on purpose");
        }
        *value
    })
}
