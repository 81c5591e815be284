//! `boxed`.

use std::convert::Infallible;

use std::future::pending;

use async_with::{AsyncContextManagerExt, BoxContextManager, ContextManagerExt, async_with, from_fn, ready};

use crate::common::Plain;
use crate::common::log::Log;

use crate::common::trace::{Trace, Traced};

#[tokio::test]
async fn one_of_different_managers_is_chosen() {
    let log = Log::default();
    for which in 0..3 {
        let chosen: BoxContextManager<u32, Infallible> = match which {
            0 => ready(7).boxed(),
            1 => AsyncContextManagerExt::boxed(log.sure("a").value(8)),
            _ => from_fn(|| async { Ok(9) }, |_, _| async {}).boxed(),
        };
        assert_eq!(async_with!(chosen as number => *number), 7 + which);
    }
    log.expect(&["enter a", "exit a: completed"]);
}

#[tokio::test]
async fn different_managers_make_one_list() {
    let log = Log::default();
    let all: Vec<BoxContextManager<u32, Infallible>> = vec![
        AsyncContextManagerExt::boxed(log.sure("a").value(1).waits(1)),
        ContextManagerExt::into_async(log.sure("b").value(2)).boxed(),
        ready(3).boxed(),
    ];
    assert_eq!(async_with!(all as values => values.iter().sum::<u32>()), 6);
    log.expect(&["enter a", "a waited 1", "enter b", "exit b: completed", "exit a: completed", "a waited 1"]);
}

#[tokio::test]
async fn a_manager_in_two_boxes_still_interrupts_its_body() {
    let trace = Trace::new();
    let boxed = Traced::new("A", &trace).interrupts("stop").boxed().boxed();
    let block = async_with!(boxed => { pending::<()>().await });
    assert_eq!(block, Err("stop"));
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn a_function_may_box_what_it_makes_of_itself() {
    fn deep(depth: u32) -> BoxContextManager<u32, Infallible> {
        if depth == 0 {
            return ready(0).boxed();
        }
        async_with::context(move |body| async move {
            async_with!(deep(depth - 1) as below => {
                let (_, done) = body.run(*below + 1).await;
                Ok(done)
            })
        })
        .boxed()
    }

    assert_eq!(async_with!(deep(50) as depth => *depth), 50);
}

#[test]
fn it_has_a_debug_form_whatever_is_inside() {
    assert_eq!(format!("{:?}", Plain.boxed()), "BoxContextManager { .. }");
}
