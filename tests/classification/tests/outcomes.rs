//! What an exit is told for values of every kind of type: as the body's value and by `return`, through the macros.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::cmp::Ordering;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::Debug;
use std::num::NonZeroU8;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, ContextManager, Outcome, async_with, with, within};

/// Passes on what its exit is told.
#[derive(Clone, Default)]
struct Telling(Arc<Mutex<Option<Outcome>>>);

impl Telling {
    #[track_caller]
    fn told(&self) -> Outcome {
        self.0.lock().unwrap().take().expect("it has been exited")
    }
}

impl AsyncContextManager for Telling {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        *self.0.lock().unwrap() = Some(outcome);
        Ok(())
    }
}

impl ContextManager for Telling {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        *self.0.lock().unwrap() = Some(outcome);
        Ok(())
    }
}

/// Nothing here suspends.
#[track_caller]
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it suspends"),
    }
}

async fn as_value<T>(telling: Telling, value: T) -> T {
    async_with!(telling => { value })
}

async fn by_return<T>(telling: Telling, value: T) -> T {
    async_with!(telling => { return value })
}

#[within(telling)]
async fn of_a_function<T>(telling: Telling, value: T) -> T {
    value
}

fn in_sync<T>(telling: Telling, value: T) -> T {
    with!(telling => { value })
}

fn by_sync_return<T>(telling: Telling, value: T) -> T {
    with!(telling => { return value })
}

/// Sends a value through the blocks.
#[track_caller]
fn is_told<T>(value: T, at_the_end: Outcome, by_a_return: Outcome) {
    let telling = Telling::default();
    let value = block_on(as_value(telling.clone(), value));
    assert_eq!(telling.told(), at_the_end, "as a value: {}", std::any::type_name::<T>());
    let value = block_on(by_return(telling.clone(), value));
    assert_eq!(telling.told(), by_a_return, "by `return`: {}", std::any::type_name::<T>());
    let value = block_on(of_a_function(telling.clone(), value));
    assert_eq!(telling.told(), at_the_end, "of a function: {}", std::any::type_name::<T>());
    let value = in_sync(telling.clone(), value);
    assert_eq!(telling.told(), at_the_end, "in `with!`: {}", std::any::type_name::<T>());
    by_sync_return(telling.clone(), value);
    assert_eq!(telling.told(), by_a_return, "by `return` in `with!`: {}", std::any::type_name::<T>());
}

#[track_caller]
fn fails<T>(value: T) {
    is_told(value, Outcome::Failed, Outcome::Failed);
}

#[track_caller]
fn succeeds<T>(value: T) {
    is_told(value, Outcome::Completed, Outcome::Returned);
}

#[track_caller]
fn both<T, E>(ok: T, err: E) {
    succeeds(Ok::<T, E>(ok));
    fails(Err::<T, E>(err));
}

trait Returns {
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

/// `!`, which has no name of its own yet.
type Never = <fn() -> ! as Returns>::Value;

#[test]
fn results_of_plain_types() {
    both((), ());
    both(1_u8, String::new());
    both("text", 1.5);
    both([1_u64; 512], ());
    both((), [1_u64; 512]);
}

#[test]
fn results_with_a_niche() {
    both(&1_u8, ());
    both(Box::new(1), ());
    both((), Box::new(1));
    both((), NonZeroU8::MIN);
    both(Ordering::Less, ());
    both(true, false);
    both(String::new(), ());
    both(Some(false), None::<bool>);
}

#[test]
fn results_of_which_one_side_has_no_values() {
    fails(Err::<Infallible, _>(1));
    fails(Err::<Never, _>(()));
    succeeds(Ok::<_, Infallible>(1));
    succeeds(Ok::<_, Never>(&1));
}

#[test]
fn results_of_results_and_of_what_is_written_at_length() {
    both(Err::<(), ()>(()), Ok::<(), ()>(()));
    both::<Box<dyn Error>, Box<dyn Error + Send + Sync>>("x".into(), "y".into());
    both::<fn(&u8) -> Result<(), ()>, for<'a> fn(&'a str) -> &'a str>(|_| Err(()), |text| text);
    both(|| Err::<(), ()>(()), async { Err::<(), ()>(()) });
}

type Alias<T> = std::io::Result<T>;
type Swapped<E, T> = Result<T, E>;

#[test]
fn results_under_another_name() {
    fails(Alias::<()>::Err(std::io::Error::other("x")));
    succeeds(Alias::Ok(()));
    fails(Swapped::<u8, ()>::Err(1));
    succeeds(Swapped::<u8, ()>::Ok(()));
}

fn opaque(fail: bool) -> impl Debug {
    if fail { Err(1) } else { Ok("fine") }
}

async fn opaque_in_async(telling: Telling, fail: bool) -> impl Debug {
    async_with!(telling => {
        if fail {
            return Err("failed");
        }
    });
    Ok(())
}

trait Work {
    type Output;
    fn work(&self) -> Self::Output;
}

impl Work for bool {
    type Output = Result<Box<u8>, ()>;
    fn work(&self) -> Self::Output {
        if *self { Err(()) } else { Ok(Box::new(1)) }
    }
}

async fn of_its_work<W: Work>(telling: Telling, work: W) -> W::Output {
    async_with!(telling => { work.work() })
}

async fn of_either<A, B>(telling: Telling, which: bool, a: A, b: B) -> Result<A, B> {
    async_with!(telling => { if which { Ok(a) } else { Err(b) } })
}

#[test]
fn results_whose_type_is_not_in_sight() {
    fails(opaque(true));
    succeeds(opaque(false));
    let telling = Telling::default();
    for (fail, told) in [(true, Outcome::Failed), (false, Outcome::Completed)] {
        drop(block_on(opaque_in_async(telling.clone(), fail)));
        assert_eq!(telling.told(), told);
        drop(block_on(of_its_work(telling.clone(), fail)));
        assert_eq!(telling.told(), told);
        let _ = block_on(of_either(telling.clone(), !fail, &1, ()));
        assert_eq!(telling.told(), told);
    }
}

#[test]
fn types_that_look_like_results() {
    use classification::core::result::Result as Alike;
    succeeds(Alike::Err::<(), _>("x"));
    succeeds(Alike::Err::<(), ()>(()));
    succeeds(Alike::Ok::<_, ()>(()));
    succeeds(classification::Result::<()>::Err);
    succeeds(classification::Result::Ok(Err::<(), ()>(())));
}

#[test]
fn types_with_something_at_the_same_position() {
    succeeds(());
    succeeds(true);
    succeeds(Some(Err::<(), ()>(())));
    succeeds(None::<Result<(), ()>>);
    succeeds(Poll::<Result<(), ()>>::Pending);
    succeeds(Poll::Ready(Err::<(), ()>(())));
    succeeds(ControlFlow::<Result<(), ()>, ()>::Break(Err(())));
    succeeds(ControlFlow::<(), Result<(), ()>>::Continue(Err(())));
}

#[test]
fn results_behind_something() {
    let mut err = Err::<(), ()>(());
    succeeds(&err);
    succeeds(&mut err);
    succeeds(Box::new(err));
    succeeds(Box::pin(err));
    succeeds([err]);
    succeeds((err, err));
    succeeds(Box::new(err) as Box<dyn Debug>);
    succeeds((|| Err(())) as fn() -> Result<(), ()>);
}

/// A body that never completes has a value of no type.
async fn never(telling: Telling) -> Result<(), ()> {
    async_with!(telling => { return Err(()) })
}

async fn by_a_question_mark(telling: Telling, number: &str) -> Option<u8> {
    async_with!(telling => { Some(number.parse().ok()?) })
}

#[test]
fn bodies_that_only_return() {
    let telling = Telling::default();
    assert_eq!(block_on(never(telling.clone())), Err(()));
    assert_eq!(telling.told(), Outcome::Failed);
    // A `None` is no failure.
    assert_eq!(block_on(by_a_question_mark(telling.clone(), "x")), None);
    assert_eq!(telling.told(), Outcome::Returned);
}
