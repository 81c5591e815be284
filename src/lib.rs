// Where the links of the README lead in rustdoc: of two definitions of a link the first one counts.
#![cfg_attr(feature = "tokio", doc = include_str!("../docs/guide/links.md"))]
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
// docs.rs says at each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "__sqlx"))))]

#[cfg(feature = "tracing")]
pub use async_with_core::Traced;
pub use async_with_core::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, Body, BoxContextManager, ContextFn,
    ContextManager, ContextManagerExt, Defer, Done, Entered, FinishEnter, FromFn, Interrupt, IntoAsync,
    LocalAsyncContextManager, LocalAsyncContextManagerExt, LocalIntoAsync, LocalMapErr, LostError, MapErr,
    ObserveError, Outcome, Ready, Suppress, Together, context, defer, from_fn, ready, set_lost_error_hook,
    settle, together,
};
#[cfg(feature = "tokio")]
pub use async_with_core::{ExitTimeout, ExitTimeoutError};

// Its pages tell of the managers.
#[cfg(all(doc, feature = "tokio"))]
pub mod guide;
#[cfg(feature = "tokio")]
pub mod managers;

/// Enters context managers, runs a body, and exits them on every way out.
///
/// # Grammar
///
/// ```text
/// async_with!( item ("," item)* ","? "=>" body )       the canonical form
/// async_with!( item ("," item)* "," block )            the same; rustfmt formats this one
/// item := expr ("as" pattern)?
/// body := block | expr
/// ```
///
/// The pattern is irrefutable and is matched against `&mut Value`, so that destructuring binds by reference.
///
/// rustfmt formats the comma form if it can read what is behind each `as` as a type: a name, `_`, a tuple, a tuple struct, a
/// reference. With `mut`, `ref`, `..`, a struct in braces or a slice of several it leaves the block as it is, as it does with
/// `=>`: give the value a name then, and take it apart in the body, with a `let`.
///
/// # What happens
///
/// 1. The manager expression is evaluated, and its `enter` is awaited. If that fails, the block's value is the error.
/// 2. With several items, the next expression is evaluated now; it may use the names before it.
/// 3. The body runs. It is part of the enclosing function: `return`, `?`, `break` and `continue` act as they do without the
///    block.
/// 4. Whichever way the body ends, `exit` is awaited, for several items the last one first, and told the [`Outcome`].
/// 5. The program goes where the body wanted to go. If the body succeeded and an exit failed, the way out is given up, and
///    the block's value is that error.
///
/// # The value
///
/// The block is an expression of type `Result<T, E>`, where `T` is the type of the body's value and `E` the `Error` of the
/// first item that can fail; other items' errors are converted with `From`. If no item can fail, because each `Error` is
/// [`Infallible`](std::convert::Infallible), the type is plain `T`. Over a manager that implements [`Suppress`], `T` is an
/// `Option`.
///
/// # Errors
///
/// What entering or exiting reports, or the manager's own [`Interrupt`]. An exit that fails after the body failed reports to
/// the [lost-error hook](set_lost_error_hook) instead.
///
/// # Panics
///
/// A panic of the body goes on after the exits, which are told [`Outcome::Panicked`]. A panic of an exit leaves unless the
/// body panicked first. With `panic = "abort"` nothing can be caught, and no exit runs.
///
/// # Cancel safety
///
/// When the future is dropped during the body, the exit runs to its end detached, on the tokio runtime in which the block
/// first waited, or on a background thread; also when it is dropped during the exit. Nested blocks are exited innermost
/// first. See [`AsyncContextManager`], and [`LocalAsyncContextManager`] for managers that cannot be detached. [`settle`]
/// waits for all detached exits.
///
/// # Limits
///
/// - A variable that is declared outside and first assigned in the body does not compile (E0381): use the block's value.
/// - A variable from outside that is moved in the body is moved, even if the move is in a branch that returns (E0382).
/// - `break` and `continue` out of the block are seen in the body, in nested blocks and in `select!`; hidden in another macro
///   they do not compile (E0267).
/// - A borrow that is returned from the body keeps what it borrows borrowed after the block as well (E0501).
/// - Over a manager that observes errors, `return`, `?` and macros in an `async {}` whose type is written nowhere need it to
///   be written: `Ok::<_, Error>(())` at the end comes too late. The error type must be `'static`.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Outcome, async_with};
///
/// struct Transaction;
///
/// impl AsyncContextManager for Transaction {
///     type Value = Vec<String>;
///     type Error = std::io::Error;
///
///     async fn enter(&mut self) -> Result<Vec<String>, Self::Error> {
///         Ok(vec!["BEGIN".to_owned()])
///     }
///
///     async fn exit(self, mut log: Vec<String>, outcome: Outcome) -> Result<(), Self::Error> {
///         log.push(if outcome.is_success() { "COMMIT" } else { "ROLLBACK" }.to_owned());
///         println!("{}", log.join("; "));
///         Ok(())
///     }
/// }
///
/// async fn transfer(amount: &str) -> Result<(), Box<dyn std::error::Error>> {
///     async_with!(Transaction as log => {
///         let amount: u32 = amount.parse()?;       // leaves `transfer`, after a ROLLBACK
///         if amount == 0 {
///             return Ok(());                       // leaves `transfer`, after a COMMIT
///         }
///         log.push(format!("UPDATE … {amount}"));
///     })?;
///     Ok(())
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert!(transfer("5").await.is_ok());
/// assert!(transfer("five").await.is_err());
/// # });
/// ```
///
/// # Alternatives
///
/// [`within`] for the body of a function, [`scoped`] for the rest of a block, [`with!`] for managers that need no awaiting.
#[macro_export]
macro_rules! async_with {
    ($($tokens:tt)*) => {
        $crate::__private::async_with_impl! { ($crate) $($tokens)* }
    };
}

/// Makes the whole body of an `async fn` the body of an [`async_with!`] block.
///
/// Each call evaluates the manager expressions anew, enters, runs the body, and exits. What entering and exiting fail with is
/// returned from the function, as by `?`.
///
/// # Grammar
///
/// ```text
/// #[within( ("crate" "=" path ",")? item ("," item)* ","? )]
/// item := expr ("as" pattern)?
/// ```
///
/// Items are those of [`async_with!`]. They may use the parameters of the function, `self` included. `crate = path` says where
/// this crate is, if that is not `::async_with`.
///
/// The function may be free or a method, generic, or in a trait, with a body. Its attributes, visibility and signature stay as
/// they are. An attribute `within` above another one is the outer one: `#[within(a)] #[within(b)]` is `#[within(a, b)]`.
///
/// # What happens
///
/// 1. The first manager expression is evaluated, and its `enter` is awaited. If that fails, the function returns the error.
/// 2. So for the next item; it may use the names before it. If that fails, the earlier managers are exited, told
///    [`Outcome::Failed`].
/// 3. The body runs. Its value is the function's value.
/// 4. `exit` is awaited, for the last item first. It is told [`Outcome::Completed`], or [`Outcome::Failed`] if the value of the
///    body is an `Err`; for `return` and `?`, [`Outcome::Returned`] or [`Outcome::Failed`].
/// 5. The function returns what the body returned. If that is no failure and an exit failed, it returns the exit's error.
///
/// # Errors
///
/// The function returns what entering or exiting reports, or the manager's own [`Interrupt`], converted with `From`. So it has
/// to return a `Result`, unless the `Error` of each manager is [`Infallible`](std::convert::Infallible); otherwise it does not
/// compile. An exit that fails after the body failed reports to the [lost-error hook](set_lost_error_hook) instead.
///
/// Over a manager that implements [`Suppress`], the function has to return `()`, an `Option`, or a `Result` of one of them. When
/// a failure is swallowed it returns `()`, `None`, or `Ok` of it. A manager that implements [`ObserveError`] sees each `Err` that
/// leaves the function: by `return`, by `?`, as the value of the body, or from a later item.
///
/// # Panics
///
/// As for [`async_with!`].
///
/// # Cancel safety
///
/// As for [`async_with!`]: when the future of the function is dropped after the enter, the exit runs to its end detached.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Outcome, within};
///
/// struct Database;
///
/// impl Database {
///     fn transaction(&self) -> Transaction {
///         Transaction
///     }
///
///     /// Both the commit and the parsing can fail.
///     #[within(self.transaction() as log)]
///     async fn deposit(&self, amount: &str) -> Result<u32, Box<dyn std::error::Error>> {
///         let amount: u32 = amount.parse()?;       // leaves `deposit`, after a ROLLBACK
///         log.push(format!("UPDATE … {amount}"));
///         Ok(amount)                               // leaves `deposit`, after a COMMIT
///     }
/// }
///
/// struct Transaction;
///
/// impl AsyncContextManager for Transaction {
///     type Value = Vec<String>;
///     type Error = std::io::Error;
///
///     async fn enter(&mut self) -> Result<Vec<String>, Self::Error> {
///         Ok(vec!["BEGIN".to_owned()])
///     }
///
///     async fn exit(self, mut log: Vec<String>, outcome: Outcome) -> Result<(), Self::Error> {
///         log.push(if outcome.is_success() { "COMMIT" } else { "ROLLBACK" }.to_owned());
///         println!("{}", log.join("; "));
///         Ok(())
///     }
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(Database.deposit("5").await.unwrap(), 5);
/// assert!(Database.deposit("five").await.is_err());
/// # });
/// ```
///
/// # Limits
///
/// - An attribute that takes the `async` away, such as `#[tokio::main]` or `#[tokio::test]`, goes below this one.
///   `#[async_trait]` may be above it.
/// - What the body returns is kept while the exit is awaited. So the future of the function is `Send` only if that is.
/// - Those of [`async_with!`].
#[doc(inline)]
pub use async_with_macros::within;

/// Enters context managers for the rest of a block, by `#[enter] let` in an `async fn`.
///
/// It is [`async_with!`] without braces, as C# and JavaScript have it with `await using`: nothing is nested, and nothing has to
/// be imported for `#[enter]`.
///
/// # Grammar
///
/// ```text
/// #[scoped] or #[scoped(crate = path)], on an `async fn`; in its body:
/// #[enter] let pattern (":" type)? = expr;
/// ```
///
/// An `#[enter] let` may stand in any block of the function: its body, loops, branches, other blocks, async blocks and closures,
/// and the bodies of macros, [`async_with!`] and `select!` among them. Functions in the function have attributes of their own.
/// The pattern is that of [`async_with!`]; `let _` enters too, and holds. `crate = path` says where this crate is, if that is
/// not `::async_with`. The function may be one as for [`within`].
///
/// # What happens
///
/// 1. The manager expression is evaluated, and its `enter` is awaited.
/// 2. What comes behind it in its block is the body, with all of the ways out.
/// 3. At the end of the block `exit` is awaited, for the last `#[enter]` first. Outcomes are those of [`async_with!`].
/// 4. The value of the block is what its last expression gives, as without `#[enter]`.
///
/// # Errors
///
/// What entering or exiting reports, or the manager's own [`Interrupt`], leaves the function as by `?`, from an async block or
/// closure that; blocks around it are told [`Outcome::Failed`]. So the function has to return a `Result` whose error can be
/// made `From` it, unless the `Error` of the manager is [`Infallible`](std::convert::Infallible). An exit that fails after the
/// body failed reports to the [lost-error hook](set_lost_error_hook) instead.
///
/// When a manager that implements [`Suppress`] swallows a failure, its block gives `()`, `None`, or `Ok` of one of them, and the
/// function goes on behind the block; a block whose value is something else does not compile. A manager that implements
/// [`ObserveError`] sees each `Err` that leaves its block by `return` or `?`; in the body of the function itself also one that is
/// its value.
///
/// # Panics
///
/// As for [`async_with!`].
///
/// # Cancel safety
///
/// As for [`async_with!`]: when the future of the function is dropped, the exits of all that is entered run to their end detached,
/// innermost first.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Outcome, scoped};
///
/// struct Transaction(&'static str);
///
/// impl AsyncContextManager for Transaction {
///     type Value = Vec<String>;
///     type Error = std::io::Error;
///
///     async fn enter(&mut self) -> Result<Vec<String>, Self::Error> {
///         Ok(vec![format!("BEGIN {}", self.0)])
///     }
///
///     async fn exit(self, log: Vec<String>, outcome: Outcome) -> Result<(), Self::Error> {
///         let end = if outcome.is_success() { "COMMIT" } else { "ROLLBACK" };
///         println!("{}; {end}", log.join("; "));
///         Ok(())
///     }
/// }
///
/// #[scoped]
/// async fn deposit(amounts: &[&str]) -> Result<u32, Box<dyn std::error::Error>> {
///     #[enter]
///     let audit = Transaction("audit");
///     let mut sum = 0;
///     for amount in amounts {
///         #[enter]
///         let tx = Transaction("deposit");
///         let amount: u32 = amount.parse()?;       // rolls both back, the inner one first
///         if amount == 0 {
///             continue;                            // commits this one, and goes on
///         }
///         tx.push(format!("UPDATE … {amount}"));
///         audit.push(format!("INSERT … {amount}"));
///         sum += amount;
///     }                                            // here each turn commits
///     Ok(sum)
/// }                                                // and here the audit
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(deposit(&["5", "0", "2"]).await.unwrap(), 7);
/// assert!(deposit(&["five"]).await.is_err());
/// # });
/// ```
///
/// # Limits
///
/// - An `#[enter] let` cannot have an `else`, nor a `#[cfg]` beside it, nor stand in a closure that is not `async`.
/// - An item that is declared in a block behind an `#[enter] let` is not known before it.
/// - An attribute that takes the `async` away, such as `#[tokio::main]` or `#[tokio::test]`, goes below this one.
///   `#[async_trait]` may be above it.
/// - Those of [`async_with!`].
#[doc(inline)]
pub use async_with_macros::scoped;

/// Marks the `let` of a context manager in a function under [`#[scoped]`](scoped), which takes the mark away.
///
/// It needs no import there. In another function it is a mistake, which this macro explains.
#[doc(inline)]
pub use async_with_macros::enter;

/// Enters synchronous context managers, runs a body, and exits them on every way out.
///
/// It has the grammar, the ways out and the value of [`async_with!`], over [`ContextManager`]s, and works in functions that
/// are not async. A body that awaits is written `=> async { … }`, in an async function.
///
/// # Errors
///
/// As for [`async_with!`].
///
/// # Panics
///
/// As for [`async_with!`]. A body without `async` that awaits all the same, hidden in a macro, panics.
///
/// # Cancel safety
///
/// When the future is dropped while an `async` body awaits, the exit runs right there, in the drop, told
/// [`Outcome::Cancelled`]. It does not wait for detached exits of blocks in its body.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use async_with::{ContextManager, Outcome, with};
///
/// struct Section(&'static str);
///
/// impl ContextManager for Section {
///     type Value = ();
///     type Error = Infallible;
///
///     fn enter(&mut self) -> Result<(), Infallible> {
///         println!("<{}>", self.0);
///         Ok(())
///     }
///
///     fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
///         println!("</{}>", self.0);
///         Ok(())
///     }
/// }
///
/// fn first_even(numbers: &[u32]) -> Option<u32> {
///     with!(Section("search") => {
///         for &number in numbers {
///             if number % 2 == 0 {
///                 return Some(number);
///             }
///         }
///     });
///     None
/// }
/// assert_eq!(first_even(&[1, 4, 6]), Some(4));
/// ```
#[macro_export]
macro_rules! with {
    ($($tokens:tt)*) => {
        $crate::__private::with_impl! { ($crate) $($tokens)* }
    };
}

// Not public API: what the expansions of the macros call.
#[doc(hidden)]
pub mod __private {
    pub use async_with_core::__private::*;
    pub use async_with_macros::{async_with_impl, rest_impl, with_impl};
}
