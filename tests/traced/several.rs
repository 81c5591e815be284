//! Several managers, and several blocks.

use async_with::{AsyncContextManagerExt, async_with};
use tracing::{info, info_span};

use crate::common::trace::yield_once;
use crate::{Recorder, Speaks, speaks};

#[tokio::test]
async fn nested_blocks_have_nested_spans() {
    let (recorder, _guard) = Recorder::start();
    let block = async_with!(Speaks::new().traced("outer") => {
        async_with!(Speaks::new().traced("inner") => { speaks().await })
    });
    assert_eq!(block, Ok(Ok(())));
    recorder.expect_event("in body", &["context_manager", "body", "context_manager", "body"]);
    let names: Vec<_> =
        recorder.spans("context_manager").into_iter().map(|span| span.fields["name"].clone()).collect();
    assert_eq!(names, ["\"outer\"", "\"inner\""]);
    recorder.expect_all_closed();
}

#[tokio::test]
async fn items_of_one_block_have_nested_spans() {
    let (recorder, _guard) = Recorder::start();
    let block =
        async_with!(Speaks::new().traced("first"), Speaks::new().traced("second") => { speaks().await });
    assert_eq!(block, Ok(()));
    recorder.expect_event("in body", &["context_manager", "body", "context_manager", "body"]);
    recorder.expect_all_closed();
}

#[tokio::test]
async fn blocks_polled_in_turn_do_not_mix() {
    let (recorder, _guard) = Recorder::start();
    let one = |name: &'static str| async move {
        let span = info_span!("task", name);
        let block = async move {
            async_with!(Speaks::new().traced(name) => {
                for _ in 0..3 {
                    info!("in {name}");
                    yield_once().await;
                }
            })
        };
        tracing::Instrument::instrument(block, span).await
    };
    let (a, b) = futures::join!(one("a"), one("b"));
    assert_eq!((a, b), (Ok(()), Ok(())));
    recorder.expect_event("in a", &["task", "context_manager", "body"]);
    recorder.expect_event("in b", &["task", "context_manager", "body"]);
    for whole in recorder.spans("context_manager") {
        assert_eq!(recorder.parent(&whole).unwrap().fields["name"], whole.fields["name"]);
    }
    recorder.expect_all_closed();
}
