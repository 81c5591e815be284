//! What this rests on is what compilers do, not what they promise: these run on stable and nightly, with and without
//! optimisations, so that a compiler that does otherwise is noticed.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::{self, Debug};
use std::num::{NonZeroU8, NonZeroU128};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::{is_err, is_result};

/// `!`, which has no name of its own yet.
trait Returns {
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

type Never = <fn() -> ! as Returns>::Value;

/// Both variants of a type.
#[track_caller]
fn both<T, E>(ok: T, err: E) {
    let (ok, err) = (Ok::<T, E>(ok), Err::<T, E>(err));
    assert!(!is_err(&ok), "{}", std::any::type_name::<Result<T, E>>());
    assert!(is_err(&err), "{}", std::any::type_name::<Result<T, E>>());
    // Inside something else it is none.
    assert!(!is_err(&&err));
    assert!(!is_err(&(&err,)));
    assert!(!is_err(&[&err]));
    assert!(!is_err(&Some(&err)));
}

#[derive(Debug)]
struct Empty;

enum Uninhabited {}

#[allow(dead_code, reason = "it is there for its size")]
struct Large([u64; 512]);

#[repr(align(64))]
struct Aligned;

#[test]
fn an_err_of_plain_types() {
    both((), ());
    both(1_u8, String::new());
    both(0_u64, u64::MAX);
    both(u128::MAX, 0_u128);
    both("text", 1.5);
    both(Empty, Empty);
    both(Large([0; 512]), ());
    both((), Large([1; 512]));
    both(Aligned, 1_u8);
    both([(); 0], [1_u8; 3]);
}

#[test]
fn an_err_that_is_told_by_a_niche() {
    both(&1_u8, ());
    both((), &1_u8);
    both(Box::new(1), ());
    both((), Box::new(Large([0; 512])));
    both((), NonZeroU8::MIN);
    both(NonZeroU8::MAX, ());
    both((), NonZeroU128::MAX);
    both(true, ());
    both((), false);
    both(true, false);
    both('x', ());
    both(Ordering::Less, Ordering::Greater);
    both(Ordering::Less, ());
    both(String::new(), ());
    both((), vec![1]);
    both(String::from("x"), vec![Some(1)]);
    both((), Rc::new(1));
    both(Arc::new(1), ());
    both(None::<NonZeroU8>, ());
    both(Some(true), None::<bool>);
    both(Some(Some(false)), ());
    both((), std::io::Error::other("x"));
    both(Cow::Borrowed("x"), ());
    both(Empty, "x");
}

#[test]
fn an_err_beside_a_type_without_values() {
    assert!(is_err(&Err::<Infallible, _>(1_u64)));
    assert!(is_err(&Err::<Infallible, _>(())));
    assert!(is_err(&Err::<Uninhabited, _>(&1)));
    assert!(is_err(&Err::<Never, _>("x")));
    assert!(is_err(&Err::<(Infallible, u32), _>(1)));
    assert!(!is_err(&Ok::<_, Infallible>(1_u64)));
    assert!(!is_err(&Ok::<_, Uninhabited>(())));
    assert!(!is_err(&Ok::<_, Never>(NonZeroU8::MIN)));
    assert!(!is_err(&Ok::<_, Result<Infallible, Infallible>>(())));
}

#[test]
fn an_err_among_results() {
    both(Ok::<(), ()>(()), ());
    both(Err::<(), ()>(()), ());
    both((), Ok::<(), ()>(()));
    both((), Err::<(), ()>(()));
    both(Err::<&u8, ()>(()), Err::<(), Box<u8>>(Box::new(1)));
    both(Some(Err::<(), ()>(())), None::<Result<(), ()>>);
    assert!(!is_err(&Ok::<Result<Result<(), ()>, ()>, ()>(Ok(Err(())))));
}

#[test]
fn an_err_of_types_that_are_written_at_length() {
    both::<Box<dyn Error>, Box<dyn Error + Send + Sync>>("x".into(), "y".into());
    both::<&dyn Debug, &(dyn Fn(&str) -> Result<(), ()> + Send)>(&1, &|_| Err(()));
    both::<fn(&u8) -> Result<(), ()>, for<'a> fn(&'a str) -> &'a str>(|_| Ok(()), |text| text);
    both(|| Err::<(), ()>(()), async {});
    both::<*const u8, [[u8; 3]; 2]>(std::ptr::null(), [[0; 3]; 2]);
    both(Pin::new(&1), Mutex::new(Cell::new(RefCell::new(()))));
    both::<(u8, (u8, [&str; 1])), std::marker::PhantomData<Result<(), ()>>>(
        (1, (2, ["x"])),
        std::marker::PhantomData,
    );
}

type Alias<T> = std::io::Result<T>;
type Swapped<E, T> = Result<T, E>;

#[test]
fn an_err_under_another_name() {
    assert!(is_err(&Alias::<()>::Err(std::io::Error::other("x"))));
    assert!(!is_err(&Alias::Ok(())));
    assert!(is_err(&Swapped::<u8, ()>::Err(1)));
    assert!(!is_err(&Swapped::<u8, ()>::Ok(())));
    assert!(is_err::<fmt::Result>(&Err(fmt::Error)));
    assert!(is_err(&std::result::Result::<(), ()>::Err(())));
    assert!(is_err(&::core::result::Result::<(), ()>::Err(())));
}

fn opaque(fail: bool) -> impl Debug {
    if fail { Err(1) } else { Ok("fine") }
}

#[expect(clippy::unused_async, reason = "it is there for its type")]
async fn opaque_in_async(fail: bool) -> impl Debug + Send {
    if fail { Err(Empty) } else { Ok(()) }
}

fn of_a_future<F: Future>(future: F) -> bool {
    let mut future = std::pin::pin!(future);
    let polled = future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    match polled {
        Poll::Ready(value) => is_err(&value),
        Poll::Pending => panic!("it does not suspend"),
    }
}

trait Work {
    type Output;
    fn work(&self) -> Self::Output;
}

impl Work for bool {
    type Output = Result<Empty, &'static str>;
    fn work(&self) -> Self::Output {
        if *self { Err("x") } else { Ok(Empty) }
    }
}

fn of_its_work<W: Work>(work: &W) -> bool {
    is_err(&work.work())
}

fn of_either<A, B>(which: bool, a: A, b: B) -> bool {
    is_err(&if which { Ok(a) } else { Err(b) })
}

#[test]
fn an_err_whose_type_is_not_in_sight() {
    assert!(is_err(&opaque(true)) && !is_err(&opaque(false)));
    assert!(of_a_future(opaque_in_async(true)) && !of_a_future(opaque_in_async(false)));
    assert!(of_its_work(&true) && !of_its_work(&false));
    assert!(of_either(false, 1, "x") && !of_either(true, 1, "x"));
    assert!(of_either(false, &1, ()) && !of_either(true, Box::new(1), ()));
    assert!(of_a_future(async { Err::<&str, _>(std::future::ready(())) }));
}

#[allow(dead_code, reason = "the variants are there for their position")]
mod core {
    pub(super) mod result {
        pub(in super::super) enum Result<T, E> {
            Ok(T),
            Err(E),
        }
    }
}

#[allow(dead_code, reason = "the variants are there for their position")]
mod result {
    pub(super) enum Result<T> {
        Ok(T),
        Err(std::io::Error),
    }

    pub(super) mod structs {
        pub(in super::super) struct Result<T, E>(pub T, pub E);
    }
}

#[allow(dead_code, reason = "the variants are there for their position")]
enum Wrapped<T> {
    First,
    Second(T),
}

#[allow(dead_code, reason = "the variants are there for their position")]
enum Results<T, E> {
    Ok(T),
    Err(E),
}

struct ResultLike<T, E>(Result<T, E>);

#[test]
fn a_type_of_the_users_is_none_whatever_it_is_called() {
    assert!(!is_err(&core::result::Result::Err::<(), _>("x")));
    assert!(!is_err(&core::result::Result::Err::<(), _>(())));
    assert!(!is_err(&core::result::Result::Ok::<_, ()>("x")));
    assert!(!is_err(&result::Result::<()>::Err(std::io::Error::other("x"))));
    assert!(!is_err(&result::Result::Ok(())));
    assert!(!is_err(&result::structs::Result((), ())));
    assert!(!is_err(&Results::Err::<(), _>(())));
    assert!(!is_err(&Results::Ok::<_, ()>(())));
    assert!(!is_err(&ResultLike::<(), ()>(Err(()))));
    assert!(!is_err(&Wrapped::Second(1)));
    assert!(!is_err(&Wrapped::<()>::First));
}

#[test]
fn a_variant_at_the_same_position_of_another_type_is_none() {
    assert!(!is_err(&()));
    assert!(!is_err(&true));
    assert!(!is_err(&Some(1)));
    assert!(!is_err(&Some(Err::<(), ()>(()))));
    assert!(!is_err(&None::<Result<(), ()>>));
    assert!(!is_err(&Ordering::Equal));
    assert!(!is_err(&Cow::<str>::Owned(String::new())));
    assert!(!is_err(&Poll::<Result<(), ()>>::Pending));
    assert!(!is_err(&Poll::Ready(Err::<(), ()>(()))));
    assert!(!is_err(&ControlFlow::<Result<(), ()>, ()>::Break(Err(()))));
    assert!(!is_err(&ControlFlow::<(), Result<(), ()>>::Continue(Err(()))));
}

#[test]
fn an_err_behind_something_is_none() {
    let mut err = Err::<(), ()>(());
    assert!(!is_err(&&mut err));
    assert!(!is_err(&Box::new(err)));
    assert!(!is_err(&Box::pin(err)));
    assert!(!is_err(&Rc::new(err)));
    assert!(!is_err(&Cell::new(err)));
    assert!(!is_err(&Mutex::new(err)));
    assert!(!is_err(&[err]));
    assert!(!is_err(&vec![err]));
    assert!(!is_err(&(err, err)));
    assert!(!is_err(&|| err));
    assert!(!is_err(&async { err }));
    assert!(!is_err::<Box<dyn Debug>>(&(Box::new(err) as Box<dyn Debug>)));
    assert!(!is_err::<&dyn Debug>(&(&err as &dyn Debug)));
    assert!(!is_err::<fn() -> Result<(), ()>>(&((|| Err(())) as fn() -> _)));
    assert!(!is_err(&std::mem::ManuallyDrop::new(err)));
    assert!(!is_err(&std::mem::discriminant(&err)));
}

#[test]
fn results_are_told_from_other_types_at_all() {
    // So that the tests above do not hold because of the variants alone.
    assert!(is_result::<Result<Infallible, Infallible>>());
    assert!(is_result::<Result<(), Never>>());
    assert!(!is_result::<core::result::Result<(), ()>>());
    assert!(!is_result::<Option<Result<(), ()>>>());
    assert!(!is_result::<Never>());
    assert!(!is_result::<&Result<(), ()>>());
}
