//! A manager that writes down what happens to it, and a record of the errors that the hook was given.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_with::{AsyncContextManager, ContextManager, Interrupt, ObserveError, Outcome, Suppress};

use super::trace::{Loss, losses};

/// The error of a [`Recorder`] that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub &'static str);

/// The error of a function, into which those of its managers convert.
#[derive(Debug, PartialEq)]
pub enum Own {
    Failure(Failure),
    Text(&'static str),
    Number(u8),
}

impl From<Failure> for Own {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<&'static str> for Own {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

/// What happened in one test, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn has(&self, line: &str) -> bool {
        self.0.lock().unwrap().iter().any(|known| known == line)
    }

    /// Checks what happened since the last check.
    #[track_caller]
    pub fn expect(&self, lines: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.0.lock().unwrap()), lines);
    }

    /// A manager that cannot fail.
    pub fn sure(&self, name: &'static str) -> Recorder<Infallible> {
        self.manager(name)
    }

    /// A manager that fails only when told to.
    pub fn unsure(&self, name: &'static str) -> Recorder<Failure> {
        self.manager(name)
    }

    pub fn manager<E>(&self, name: &'static str) -> Recorder<E> {
        Recorder { log: self.clone(), name, value: 0, waits: 0, enter_error: None, exit_error: None }
    }

    /// Writes a line when it is dropped.
    pub fn on_drop(&self, line: &'static str) -> OnDrop {
        OnDrop(self.clone(), line)
    }
}

pub struct OnDrop(Log, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// Speaks both protocols.
pub struct Recorder<E> {
    log: Log,
    name: &'static str,
    value: u32,
    waits: usize,
    enter_error: Option<E>,
    exit_error: Option<E>,
}

impl<E> Recorder<E> {
    /// What enter gives.
    pub fn value(self, value: u32) -> Self {
        Self { value, ..self }
    }

    /// How often enter and exit suspend.
    pub fn waits(self, waits: usize) -> Self {
        Self { waits, ..self }
    }

    pub fn enter_fails(self, error: E) -> Self {
        Self { enter_error: Some(error), ..self }
    }

    pub fn exit_fails(self, error: E) -> Self {
        Self { exit_error: Some(error), ..self }
    }

    async fn wait(&self) {
        for turn in 1..=self.waits {
            tokio::task::yield_now().await;
            self.log.add(format!("{} waited {turn}", self.name));
        }
    }
}

impl<E: Debug + Send + Sync + 'static> AsyncContextManager for Recorder<E> {
    type Value = u32;
    type Error = E;

    async fn enter(&mut self) -> Result<u32, E> {
        self.log.add(format!("enter {}", self.name));
        self.wait().await;
        self.enter_error.take().map_or(Ok(self.value), Err)
    }

    async fn exit(mut self, _value: u32, outcome: Outcome) -> Result<(), E> {
        self.log.add(format!("exit {}: {outcome}", self.name));
        self.wait().await;
        self.exit_error.take().map_or(Ok(()), Err)
    }
}

impl<E: Debug> ContextManager for Recorder<E> {
    type Value = u32;
    type Error = E;

    fn enter(&mut self) -> Result<u32, E> {
        self.log.add(format!("enter {}", self.name));
        self.enter_error.take().map_or(Ok(self.value), Err)
    }

    fn exit(mut self, _value: u32, outcome: Outcome) -> Result<(), E> {
        self.log.add(format!("exit {}: {outcome}", self.name));
        self.exit_error.take().map_or(Ok(()), Err)
    }
}

/// A [`Recorder`] that is asked whether it swallows a failure, and answers what it was given.
pub struct Suppressor<E>(pub Recorder<E>, pub bool);

impl<E: Debug + Send + Sync + 'static> AsyncContextManager for Suppressor<E> {
    type Value = u32;
    type Error = E;

    async fn enter(&mut self) -> Result<u32, E> {
        AsyncContextManager::enter(&mut self.0).await
    }

    async fn exit(self, value: u32, outcome: Outcome) -> Result<(), E> {
        AsyncContextManager::exit(self.0, value, outcome).await
    }
}

impl<E: Debug + Send + Sync + 'static> Suppress for Suppressor<E> {
    fn suppress(&mut self, _value: &mut u32, outcome: Outcome) -> bool {
        self.0.log.add(format!("ask {}: {outcome}", self.0.name));
        self.1
    }
}

/// Stops its body at once.
pub struct Stopping(pub Log);

impl AsyncContextManager for Stopping {
    type Value = ();
    type Error = Failure;

    async fn enter(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Failure> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<Failure> {
        Interrupt::when(async { Failure("interrupted") })
    }
}

/// Writes down the errors it observes.
pub struct Watch(pub Log);

impl AsyncContextManager for Watch {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }
}

impl ObserveError for Watch {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        assert!(error.is::<Failure>());
        self.0.add(format!("observe: {error}"));
    }
}

/// One call of the lost-error hook.
pub type Lost = Loss;

/// The errors given to the hook, of which there is one for all tests of the process.
pub struct LostErrors {
    mark: &'static str,
}

impl LostErrors {
    /// Those whose text has `mark` in it, which must be unique to the test. To be called before they happen.
    pub fn with(mark: &'static str) -> Self {
        losses();
        Self { mark }
    }

    pub fn all(&self) -> Vec<Lost> {
        losses().of(self.mark)
    }

    pub fn texts(&self) -> Vec<String> {
        self.all().into_iter().map(|lost| lost.error).collect()
    }
}
