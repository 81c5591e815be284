//! `#[within]`: the functions that it can stand on, and what stays of them.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, within};

use crate::common::log::{Failure, Log, Recorder};
use crate::common::{Fallible, Plain};

// Methods.

#[derive(Default)]
struct Store {
    log: Log,
    items: Vec<u32>,
}

impl Store {
    #[within(self.log.sure("a").value(1) as a)]
    async fn by_reference(&self, index: usize) -> Option<&u32> {
        self.items.get(index + usize::from(*a == 0))
    }

    #[within(self.log.unsure("a").value(7) as a)]
    pub(crate) async fn by_mutable_reference(&mut self) -> Result<&mut u32, Failure> {
        self.items.push(*a);
        self.items.last_mut().ok_or(Failure("empty"))
    }

    #[within(self.log.sure("a"))]
    async fn by_value(self) -> Vec<u32> {
        self.items
    }

    #[within(self.log.sure("a"))]
    async fn by_arc(self: Arc<Self>, mut extra: Vec<u32>) -> Vec<u32> {
        extra.extend(&self.items);
        extra
    }

    #[within(Log::default().sure("a"))]
    async fn new() -> Self {
        Self { items: vec![1], ..Self::default() }
    }
}

#[tokio::test]
async fn the_manager_may_borrow_a_parameter_and_stay_on_its_thread() {
    /// Lends what it borrows.
    struct Borrowed<'a>(Option<&'a mut Vec<u32>>, Rc<Log>);

    impl<'a> LocalAsyncContextManager for Borrowed<'a> {
        type Value = &'a mut Vec<u32>;
        type Error = Failure;

        async fn enter(&mut self) -> Result<Self::Value, Failure> {
            self.0.take().ok_or(Failure("entered twice"))
        }

        async fn exit(self, _value: Self::Value, outcome: Outcome) -> Result<(), Failure> {
            self.1.add(format!("exit: {outcome}"));
            Ok(())
        }
    }

    #[within(Borrowed(Some(list), Rc::new(log.clone())) as numbers)]
    async fn push(list: &mut Vec<u32>, log: &Log, number: u32) -> Result<usize, Failure> {
        tokio::task::yield_now().await;
        numbers.push(number);
        Ok(numbers.len())
    }

    let (log, mut list) = (Log::default(), vec![1]);
    assert_eq!(push(&mut list, &log, 2).await, Ok(2));
    assert_eq!(list, [1, 2]);
    log.expect(&["exit: completed"]);
}

#[tokio::test]
async fn methods_may_use_self_in_the_head_and_in_the_body() {
    let mut store = Store::new().await;
    assert_eq!(store.by_reference(0).await, Some(&1));
    *store.by_mutable_reference().await.unwrap() += 1;
    let log = store.log.clone();
    assert_eq!(store.by_value().await, [1, 8]);
    let store = Arc::new(Store { log: log.clone(), items: vec![2] });
    assert_eq!(store.by_arc(vec![1]).await, [1, 2]);
    log.expect(&["enter a", "exit a: completed"].repeat(4));
}

trait Service {
    fn log(&self) -> &Log;

    async fn serve(&self, name: &str) -> String;

    #[within(self.log().sure("default"))]
    async fn twice(&self, name: &str) -> String {
        let first = self.serve(name).await;
        first + &self.serve(name).await
    }
}

impl Service for Log {
    fn log(&self) -> &Log {
        self
    }

    #[within(self.sure("serve"))]
    async fn serve(&self, name: &str) -> String {
        format!("{name};")
    }
}

#[tokio::test]
async fn methods_of_traits_may_have_it_in_the_trait_and_in_the_impl() {
    let log = Log::default();
    assert_eq!(log.twice("x").await, "x;x;");
    let serve = ["enter serve", "exit serve: completed"];
    log.expect(&[&["enter default"], &serve[..], &serve, &["exit default: completed"]].concat());
}

#[async_trait]
trait Dynamic: Sync {
    fn log(&self) -> &Log;

    async fn run(&mut self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>>;

    #[within(self.log().sure("default"))]
    async fn shape(&self) -> Box<dyn Debug + Send> {
        Box::new(self.log().has("enter default"))
    }
}

#[async_trait]
impl Dynamic for Store {
    fn log(&self) -> &Log {
        &self.log
    }

    #[within(self.log.unsure("a").value(2) as a, self.log.sure("b"))]
    async fn run(&mut self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        if text.is_empty() {
            return Ok(0);
        }
        self.items.push(text.parse()?);
        Ok(*a + self.items[0])
    }
}

#[tokio::test]
async fn async_trait_may_have_rewritten_the_function_before() {
    let mut store: Box<dyn Dynamic> = Box::new(Store::default());
    assert_eq!(store.run("5").await.unwrap(), 7);
    store.log().expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
    assert_eq!(store.run("").await.unwrap(), 0);
    store.log().expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    assert!(store.run("five").await.is_err());
    store.log().expect(&["enter a", "enter b", "exit b: failed", "exit a: failed"]);
    assert_eq!(format!("{:?}", store.shape().await), "true");
    store.log().expect(&["enter default", "exit default: completed"]);
}

#[tokio::test]
async fn it_may_stand_below_attributes_that_keep_the_function_and_above_others() {
    #[must_use]
    #[within(Plain)]
    #[inline]
    async fn kept() -> u8 {
        1
    }
    assert_eq!(kept().await, 1);
}

#[within(Fallible)]
#[tokio::test]
async fn a_test_may_be_the_block() -> Result<(), Box<dyn Error>> {
    assert_eq!("1".parse::<u8>()?, 1);
    Ok(())
}

// Signatures.

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

// Types of the body.

#[within(Fallible)]
async fn coerces(how: u8) -> Result<Box<dyn Debug>, Box<dyn Error>> {
    match how {
        0 => return Ok(Box::new(3)),
        1 => Err("text")?,
        2 => Err(Failure("own"))?,
        _ => {}
    }
    Ok(Box::new("x"))
}

#[within(Plain)]
async fn sums(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

#[within(Fallible, Plain)]
async fn collects(texts: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let all = texts.iter().map(|text| text.parse::<u8>());
    Ok(all.collect::<Result<_, _>>()?)
}

#[within(Plain)]
async fn points_to() -> fn(u8) -> u8 {
    |number| number + 1
}

#[within(Plain)]
async fn anyhow_error(text: &str) -> anyhow::Result<u8> {
    anyhow::ensure!(!text.is_empty(), "empty");
    Ok(text.parse()?)
}

#[tokio::test]
async fn the_value_of_the_body_becomes_what_the_function_returns() {
    assert_eq!(format!("{:?}", coerces(0).await.unwrap()), "3");
    assert_eq!(coerces(1).await.unwrap_err().to_string(), "text");
    assert_eq!(coerces(2).await.unwrap_err().to_string(), "own");
    assert_eq!(format!("{:?}", coerces(3).await.unwrap()), "\"x\"");
    assert_eq!(sums(&[1, 2]).await, 3);
    assert_eq!(collects(&["1", "2"]).await.unwrap(), [1, 2]);
    assert_eq!(points_to().await(1), 2);
    assert!(anyhow_error("").await.is_err());
    assert_eq!(anyhow_error("7").await.unwrap(), 7);
}

// Names.

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_keywords.
#[within(log.sure("a").value(returns + value) as manager)]
#[expect(clippy::too_many_arguments, reason = "names that could be ours")]
async fn names(
    log: &Log,
    value: u32,
    out: u32,
    flag: u32,
    scope: u32,
    product: u32,
    stop: u32,
    returns: u32,
) -> u32 {
    let _ = log;
    let __async_with_returns = 1;
    let __async_with_out = 2;
    *manager + value + out + flag + scope + product + stop + returns + __async_with_returns + __async_with_out
}

#[within(__async_with_manager as __async_with_scope)]
async fn names_that_are_ours(
    __async_with_manager: Recorder<Failure>,
    __async_with_returns: u32,
) -> Result<u32, Failure> {
    *__async_with_scope += 1;
    Ok(*__async_with_scope + __async_with_returns)
}

mod shadowed {
    #![allow(dead_code, non_camel_case_types, reason = "they only stand in the way")]

    use crate::common::{Fallible, Plain};

    pub mod core {}
    pub mod std {}
    pub mod async_with {}
    pub mod async_with_core {}

    pub struct Option;
    pub struct Some;
    pub struct Result;
    pub struct Ok;
    pub struct Err;
    pub struct Infallible;

    #[::async_with::within(Plain, Fallible as value)]
    pub(super) async fn function() -> ::core::result::Result<u8, &'static str> {
        let () = value;
        ::core::result::Result::Ok(1)
    }
}

#[tokio::test]
async fn the_names_of_the_user_and_ours_do_not_meet() {
    assert_eq!(names(&Log::default(), 1, 2, 3, 4, 5, 6, 7).await, 39);
    assert_eq!(names_that_are_ours(Log::default().unsure("a"), 2).await, Ok(3));
    assert_eq!(shadowed::function().await, Ok(1));
}

// Futures.

#[within(log.unsure("a").waits(1) as a, log.sure("b").waits(1))]
async fn can_be_sent(log: Log, list: Vec<u32>) -> Result<u32, Failure> {
    tokio::task::yield_now().await;
    drop(log);
    Ok(*a + list.into_iter().sum::<u32>())
}

#[within(log.sure("a"))]
async fn is_confined(log: Log, shared: Rc<u32>) -> Rc<u32> {
    tokio::task::yield_now().await;
    drop(log);
    shared
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_future_is_send_when_its_parts_are() {
    assert_eq!(tokio::spawn(can_be_sent(Log::default(), vec![1, 2])).await.unwrap(), Ok(3));
    assert_eq!(*is_confined(Log::default(), Rc::new(1)).await, 1);
}
