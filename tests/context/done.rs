//! The `Done` of another context.

use async_with::{Body, Done, Outcome, async_with, context};
use tokio::sync::oneshot;

use crate::caught;
use crate::common::log::{Failure, Log};

/// A context that gives its `Done` away.
async fn stolen() -> Done {
    let (give, stolen) = oneshot::channel();
    let manager = context(|body| async move {
        let ((), done) = body.run(()).await;
        give.send(done).unwrap();
        Err::<Done, _>(Failure("stolen"))
    });
    assert_eq!(async_with!(manager => {}), Err(Failure("stolen")));
    stolen.await.unwrap()
}

const OF_ANOTHER: &str =
    "the function of a `context` returned the `Done` of another one, without having run its body";

#[tokio::test]
async fn the_done_of_another_context_in_place_of_running_the_body_panics() {
    let log = Log::default();
    let done = stolen().await;
    let manager = context(|body: Body<()>| async move {
        let _body = body;
        Ok::<_, Failure>(done)
    });
    let block = caught(async { async_with!(manager => log.add("body")) }).await;
    assert_eq!(block, Err(OF_ANOTHER.to_owned()));
    log.expect(&[]);
}

#[tokio::test]
async fn the_done_of_another_context_after_the_body_panics() {
    let log = Log::default();
    let other = stolen().await;
    let manager = context(|body| async move {
        let ((), done) = body.run(()).await;
        drop(done);
        Ok::<_, Failure>(other)
    });
    let block = caught(async { async_with!(manager => log.add("body")) }).await;
    assert_eq!(block, Err(OF_ANOTHER.to_owned()));
    log.expect(&["body"]);
}

#[tokio::test]
async fn the_done_of_a_context_around_panics() {
    let outer = context(|body| async move {
        let ((), done) = body.run(()).await;
        let (other, inner) = (
            done,
            context(|body: Body<()>| async move {
                let ((), done) = body.run(()).await;
                Ok::<_, Failure>(done)
            }),
        );
        async_with!(inner => {})?;
        Ok::<_, Failure>(other)
    });
    assert_eq!(async_with!(outer => 1), Ok(1), "its own one is fine, whatever came between");
    let done = stolen().await;
    assert_eq!(done.outcome(), Outcome::Completed);
    assert!(format!("{done:?}").contains("Completed"));
}
