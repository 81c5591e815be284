//! Blocks over an adapter go as those over what it adapts: on every way out, with every fault, dropped at every poll.

use std::time::Duration;

use async_with::{AsyncContextManagerExt, LocalAsyncContextManagerExt};

use crate::common::trace::Traced;
use crate::common::ways::{Seen, same};
use crate::{BoxError, nothing_differs};

#[tokio::test]
async fn map_err() {
    same(|plain| plain, |plain| plain.map_err(|error| format!("mapped {error}")), nothing_differs).await;
}

#[tokio::test]
async fn err_into() {
    same(|plain| plain, |plain| plain.err_into::<BoxError>(), nothing_differs).await;
}

#[tokio::test]
async fn map_err_local_over_a_manager_with_the_guarantee() {
    same(|plain| plain, |plain| plain.map_err_local(|error| vec![error]), nothing_differs).await;
}

#[tokio::test]
async fn err_into_local_over_a_local_manager() {
    let adapted = |plain: Traced| plain.local().err_into_local::<Box<dyn std::error::Error>>();
    same(Traced::local, adapted, nothing_differs).await;
}

#[tokio::test]
async fn map_err_local_twice_over_a_local_manager() {
    let adapted =
        |plain: Traced| plain.local().map_err_local(|error| vec![error]).map_err_local(|error| vec![error]);
    same(Traced::local, adapted, nothing_differs).await;
}

#[tokio::test]
async fn exit_timeout_of_an_exit_in_time() {
    same(|plain| plain, |plain| plain.exit_timeout(Duration::from_secs(9)), nothing_differs).await;
    same(|plain| plain, |plain| plain.exit_timeout(Duration::MAX), nothing_differs).await;
}

#[tokio::test]
async fn boxed() {
    same(|plain| plain, |plain| plain.boxed(), nothing_differs).await;
    same(|plain| plain, |plain| plain.boxed().boxed(), nothing_differs).await;
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn traced() {
    same(|plain| plain, |plain| AsyncContextManagerExt::traced(plain, "A"), nothing_differs).await;
}

fn cut_in_enter(seen: &Seen) -> bool {
    seen.events.iter().any(|event| event == "enter A dropped")
}

#[tokio::test]
async fn finish_enter_except_when_it_is_cut_in_enter() {
    same(|plain| plain, |plain| plain.finish_enter(), cut_in_enter).await;
    same(|plain| plain, |plain| plain.finish_enter().finish_enter(), cut_in_enter).await;
}

#[tokio::test]
async fn all_of_them_in_any_order() {
    let limit = Duration::from_secs(9);
    same(
        |plain| plain,
        |plain| plain.boxed().finish_enter().exit_timeout(limit).map_err(|error| vec![error]).boxed(),
        cut_in_enter,
    )
    .await;
    same(
        |plain| plain,
        |plain| {
            plain.exit_timeout(limit).map_err_local(|error| vec![error]).map_err_local(|error| vec![error])
        },
        nothing_differs,
    )
    .await;
    same(
        |plain| plain.finish_enter(),
        |plain| plain.err_into::<String>().boxed().exit_timeout(limit).finish_enter().boxed(),
        |_| false,
    )
    .await;
}

#[tokio::test]
async fn finish_enter_inside_is_that_outside() {
    same(
        |plain| plain.finish_enter(),
        |plain| plain.finish_enter().map_err_local(|error| vec![error]),
        nothing_differs,
    )
    .await;
    same(
        |plain| plain.finish_enter(),
        |plain| plain.finish_enter().boxed().err_into::<BoxError>(),
        nothing_differs,
    )
    .await;
}
