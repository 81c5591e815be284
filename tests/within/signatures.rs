//! Signatures stay as they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;

use async_with::{AsyncContextManager, within};

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[within(manager as value, Log::default().sure("b").value(N) as b)]
async fn generic<'a, M, K, const N: u32>(
    manager: M,
    keys: &'a HashMap<K, u8>,
    key: &K,
) -> Result<&'a u8, Failure>
where
    M: AsyncContextManager<Value = u32, Error = Failure>,
    K: Eq + std::hash::Hash,
{
    *value += *b;
    keys.get(key).ok_or(Failure("no such key"))
}

#[within(manager as value)]
async fn error_of_the_manager<M: AsyncContextManager<Value: Clone>>(
    manager: M,
) -> Result<M::Value, M::Error> {
    Ok(value.clone())
}

#[tokio::test]
async fn functions_may_be_generic() {
    let log = Log::default();
    let keys = HashMap::from([("a", 1)]);
    assert_eq!(generic::<_, _, 3>(log.unsure("a"), &keys, &"a").await, Ok(&1));
    assert_eq!(generic::<_, _, 3>(log.unsure("a"), &keys, &"b").await, Err(Failure("no such key")));
    assert_eq!(error_of_the_manager(log.unsure("a").value(4)).await, Ok(4));
    assert_eq!(error_of_the_manager(log.sure("a").value(4)).await, Ok(4));
}

struct Point {
    x: u32,
    y: u32,
}

#[within(Log::default().sure("a").value(x + first) as a)]
async fn patterns(
    (first, mut second): (u32, u32),
    Point { x, y }: Point,
    [.., last]: [u32; 3],
    _: u8,
) -> u32 {
    second += *a;
    second + y + last
}

#[within(Log::default().sure(name))]
async fn opaque(name: &'static str, early: bool) -> impl Display + use<> {
    if early {
        return "early".to_owned();
    }
    format!("late {name}")
}

#[within(Fallible)]
async fn opaque_in_a_result(limit: u32, list: Vec<u32>) -> Result<impl Iterator<Item = u32>, Box<dyn Error>> {
    let least: u32 = "2".parse()?;
    Ok(list.into_iter().filter(move |number| (least..limit).contains(number)))
}

#[within(Plain)]
async fn opaque_parameters(number: impl Into<u64> + Send, make: impl AsyncFn(u64) -> u64) -> u64 {
    make(number.into()).await
}

#[within(Plain)]
async fn lifetimes<'a>(long: &'a str, short: &str) -> Cow<'a, str> {
    if short.is_empty() { Cow::Borrowed(long) } else { Cow::Owned(long.to_owned() + short) }
}

#[tokio::test]
async fn signatures_stay_as_they_are() {
    assert_eq!(patterns((1, 2), Point { x: 3, y: 4 }, [0, 0, 5], 0).await, 15);
    assert_eq!(opaque("x", true).await.to_string(), "early");
    assert_eq!(opaque("x", false).await.to_string(), "late x");
    assert_eq!(opaque_in_a_result(4, vec![1, 2, 3, 4]).await.unwrap().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(opaque_parameters(3_u8, async |number| number + 1).await, 4);
    assert_eq!(lifetimes("a", "").await, "a");
    assert_eq!(lifetimes("a", "b").await, "ab");
}

mod elsewhere {
    use super::{Plain, within};

    /// Seen from outside.
    #[doc(alias = "seen")]
    #[within(Plain)]
    pub(super) async fn visible() -> u8 {
        #![allow(unused_variables, reason = "an inner attribute stays at the beginning of the body")]
        let unused = 1;
        2
    }
}

macro_rules! function {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $manager:expr, $type:ty, $body:block) => {
        $(#[$attribute])*
        #[within($manager as _value)]
        $vis async fn $name() -> $type $body
    };
}

function!(pub(crate) made_by_a_macro, Log::default().sure("a"), u8, { 1 + 2 });
function!(
    /// Private.
    privately_made, Fallible, Result<u8, &'static str>, { return Err("made"); });

#[tokio::test]
async fn functions_may_come_from_macros_and_other_modules() {
    assert_eq!(elsewhere::visible().await, 2);
    assert_eq!(made_by_a_macro().await, 3);
    assert_eq!(privately_made().await, Err("made"));
}
