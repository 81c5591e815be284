//! What `async_with!` does, written out by hand beside it: the program of `custom_context_manager`, twice, with the same
//! trace.
//!
//! The hand-written one is what the macro expands to in essence, with the types of this one program filled in. It leaves
//! out what the macro adds for a dropped future (the exit would be lost here), for interrupts and observers, and for types
//! that have to be inferred.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with};
use tokio::time::sleep;

/// Prints, and keeps what was printed.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn say(&self, line: impl Into<String>) {
        let line = line.into();
        println!("{line}");
        self.0.lock().expect("no one panics while holding the trace").push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no one panics while holding the trace").clone()
    }
}

struct CustomContextManager(Trace);

impl AsyncContextManager for CustomContextManager {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.0.say(">entering the context manager");
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.say(format!(">exiting the context manager: {outcome}"));
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

async fn with_the_macro(trace: Trace, leave_early: bool) -> &'static str {
    trace.say("before the context manager");
    let value = async_with!(CustomContextManager(trace.clone()) as _manager => {
        trace.say("within the manager");
        if leave_early {
            return "left early";
        }
        "the value of the body"
    });
    trace.say("after the context manager");
    value
}

/// How the body ended. The macro has more of these.
enum Stop {
    Completed,
    Returned(&'static str),
    Panicked(Box<dyn std::any::Any + Send>),
}

async fn by_hand(trace: Trace, leave_early: bool) -> &'static str {
    trace.say("before the context manager");
    let value = {
        let mut manager = CustomContextManager(trace.clone());
        // Enter. The error is `Infallible`: otherwise an error would now be the value of the block.
        let Ok(mut entered) = AsyncContextManager::enter(&mut manager).await;
        // Where the body leaves its value, and how it says that it has.
        let mut value = None;
        let completed = AtomicBool::new(false);
        let stop = {
            // The body is an async block that resolves to what the *enclosing function* returns, so that `return` and `?`
            // in it mean just that. When it completes, it stores its value and never resolves.
            let mut body = pin!(async {
                let _manager = std::convert::identity(&mut entered);
                value = Some({
                    trace.say("within the manager");
                    if leave_early {
                        return "left early";
                    }
                    "the value of the body"
                });
                completed.store(true, Ordering::Relaxed);
                pending().await
            });
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
                Err(payload) => Poll::Ready(Stop::Panicked(payload)),
                Ok(Poll::Ready(returned)) => Poll::Ready(Stop::Returned(returned)),
                Ok(Poll::Pending) if completed.load(Ordering::Relaxed) => Poll::Ready(Stop::Completed),
                Ok(Poll::Pending) => Poll::Pending,
            })
            .await
            // The body is dropped here, before the exit starts.
        };
        let outcome = match &stop {
            Stop::Completed => Outcome::Completed,
            Stop::Returned(_) => Outcome::Returned,
            Stop::Panicked(_) => Outcome::Panicked,
        };
        // Exit, whatever happened, and only then go where the body wanted to go.
        let Ok(()) = AsyncContextManager::exit(manager, entered, outcome).await;
        match stop {
            Stop::Completed => value.expect("a body that completes has stored its value"),
            Stop::Returned(returned) => return returned,
            Stop::Panicked(payload) => resume_unwind(payload),
        }
    };
    trace.say("after the context manager");
    value
}

#[tokio::main]
async fn main() {
    for leave_early in [false, true] {
        let (ours, hand_made) = (Trace::default(), Trace::default());
        println!("with the macro, leaving {}:", if leave_early { "early" } else { "at the end" });
        let value = with_the_macro(ours.clone(), leave_early).await;
        println!("by hand:");
        let by_hand = by_hand(hand_made.clone(), leave_early).await;
        assert_eq!(ours.lines(), hand_made.lines(), "the traces differ");
        assert_eq!(value, by_hand, "the values differ");
        println!("the traces are equal, and both gave {value:?}");
    }
}
