//! Random nests.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_with::managers::{ChildError, TaskGroup, timeout};
use async_with::{
    AsyncContextManagerExt, AsyncExitStack, LocalAsyncContextManager, Outcome, async_with, together,
};
use fastrand::Rng;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::common::part::Leave;
use crate::common::trace::yield_once;
use crate::ledger::{Around, Fate, Fault, Frame};
use crate::part::{LEVELS, Part, Role};

/// How deep frames are nested.
const DEPTH: usize = 5;

/// How many managers a frame has at most.
const WIDTH: usize = 4;

const _: () = assert!(DEPTH * WIDTH < LEVELS);

type Nested = BoxFuture<'static, Result<Leave, Fault>>;

pub struct Nest(Nested);

impl Nest {
    pub fn new(rng: &mut Rng) -> Self {
        Self(frame(rng, &At { depth: 0, level: 0, around: Vec::new() }))
    }

    /// Gives whether it ended without a panic.
    pub async fn run(self) -> bool {
        AssertUnwindSafe(self.0).catch_unwind().await.is_ok()
    }
}

/// Where in its nest something is.
#[derive(Clone)]
struct At {
    depth: usize,
    level: usize,
    around: Around,
}

impl At {
    fn inside(&self, around: Around) -> Self {
        Self { depth: self.depth + 1, level: self.level + WIDTH, around }
    }
}

/// What a frame comes to, or panics with.
type Ended = Result<Result<Leave, Fault>, Box<dyn Any + Send>>;

/// Notes that a frame is cut, before what is in it is dropped, and which panics leave it.
struct Watched {
    frame: Arc<Frame>,
    running: Option<BoxFuture<'static, Ended>>,
}

impl Future for Watched {
    type Output = Result<Leave, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let running = self.running.as_mut().expect("it is not polled after its end");
        let Poll::Ready(ended) = running.as_mut().poll(cx) else { return Poll::Pending };
        self.running = None;
        Poll::Ready(ended.unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().expect("a panic of the nest");
            Fault::in_text(text).expect("a panic of the nest").seen(&self.frame);
            resume_unwind(payload)
        }))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.frame.cut();
        }
    }
}

const KINDS: [&str; 13] = [
    "a part",
    "a local part",
    "finish_enter",
    "boxed",
    "an option",
    "a list",
    "a tuple",
    "together",
    "items",
    "a stack in a block",
    "a stack",
    "a timeout",
    "a group",
];

/// A block over random managers.
fn frame(rng: &mut Rng, at: &At) -> Nested {
    let rng = &mut rng.fork();
    let kind = *rng.choice(&KINDS).unwrap();
    let frame = Frame::new(kind);
    let one = |rng: &mut Rng, role| Part::new(rng, &frame, role, &at.around, at.level);
    let inside = |rng: &mut Rng, around| body(rng, &frame, at.inside(around));
    let running: Nested = match kind {
        "a part" => {
            let part = one(rng, Role::Alone);
            let body = inside(rng, part.around(&at.around));
            Box::pin(block(part, Arc::clone(&frame), body, rng.bool()))
        }
        "a local part" => {
            let part = one(rng, Role::Alone);
            let body = inside(rng, part.around(&at.around));
            Box::pin(block(part.local(), Arc::clone(&frame), body, rng.bool()))
        }
        "finish_enter" => {
            let part = one(rng, Role::FinishesEnter);
            let body = inside(rng, part.around(&at.around));
            Box::pin(block(part.finish_enter(), Arc::clone(&frame), body, rng.bool()))
        }
        "boxed" => {
            let part = one(rng, Role::Alone);
            let body = inside(rng, part.around(&at.around));
            Box::pin(block(part.boxed(), Arc::clone(&frame), body, rng.bool()))
        }
        "an option" => {
            let part = rng.bool().then(|| one(rng, Role::OneOf));
            let around = part.as_ref().map_or_else(|| at.around.clone(), |part| part.around(&at.around));
            let body = inside(rng, around);
            Box::pin(block(part, Arc::clone(&frame), body, rng.bool()))
        }
        "a list" => {
            let (parts, around) = parts_in_each_other(rng, &frame, Role::OneOf, at);
            let body = inside(rng, around);
            Box::pin(block(parts, Arc::clone(&frame), body, rng.bool()))
        }
        "a tuple" => {
            let (mut parts, around) = parts_in_each_other(rng, &frame, Role::OneOf, at);
            let body = inside(rng, around);
            let last = parts.pop().unwrap();
            Box::pin(block((parts, last), Arc::clone(&frame), body, rng.bool()))
        }
        "together" => {
            let (parts, around) = parts_beside_each_other(rng, &frame, at);
            let body = inside(rng, around);
            Box::pin(block(together(parts), Arc::clone(&frame), body, rng.bool()))
        }
        "items" => {
            let (parts, around) = parts_in_each_other(rng, &frame, Role::Item, at);
            let body = inside(rng, around);
            Box::pin(items(parts, Arc::clone(&frame), body))
        }
        "a stack in a block" => {
            let (parts, around) = parts_in_each_other(rng, &frame, Role::OneOf, at);
            let body = inside(rng, around);
            Box::pin(stack_in_a_block(parts, Arc::clone(&frame), body))
        }
        "a stack" => {
            // It has no body: the nests after it are beside it.
            let (parts, _) = parts_in_each_other(rng, &frame, Role::OneOf, at);
            let body = inside(rng, at.around.clone());
            Box::pin(stack(parts, Arc::clone(&frame), body, rng.bool()))
        }
        "a timeout" => {
            let limit = Duration::from_micros(rng.u64(..2000));
            let part = one(rng, Role::Item);
            let body = inside(rng, part.around(&at.around));
            Box::pin(timed(limit, part, Arc::clone(&frame), body))
        }
        "a group" => {
            let children = match at.depth {
                ..DEPTH => {
                    (0..rng.u8(..4)).map(|_| self::frame(rng, &at.inside(at.around.clone()))).collect()
                }
                _ => Vec::new(),
            };
            let body = inside(rng, at.around.clone());
            Box::pin(group(children, Arc::clone(&frame), body))
        }
        _ => unreachable!("{kind}"),
    };
    let running = Some(AssertUnwindSafe(running).catch_unwind().boxed());
    Box::pin(Watched { frame, running })
}

/// Several managers, each in the one before it, and what is around that which is in them.
fn parts_in_each_other(rng: &mut Rng, frame: &Arc<Frame>, role: Role, at: &At) -> (Vec<Part>, Around) {
    let (mut parts, mut around) = (Vec::new(), at.around.clone());
    for level in at.level..at.level + rng.usize(1..=WIDTH) {
        let part = Part::new(rng, frame, role, &around, level);
        around = part.around(&around);
        parts.push(part);
    }
    (parts, around)
}

fn parts_beside_each_other(rng: &mut Rng, frame: &Arc<Frame>, at: &At) -> (Vec<Part>, Around) {
    let mut one = || Part::new(rng, frame, Role::OneOf, &at.around, at.level);
    let parts = vec![one(), one().without_lock(), one().without_lock()];
    let around = at.around.iter().chain(parts.iter().map(|part| &part.scope)).cloned().collect();
    (parts, around)
}

/// Nests, and then one way to leave.
fn body(rng: &mut Rng, frame: &Arc<Frame>, at: At) -> Nested {
    let (mut rng, frame) = (rng.fork(), Arc::clone(frame));
    Box::pin(async move {
        let ended = AssertUnwindSafe(steps(&mut rng, &at)).catch_unwind().await;
        frame.body_ends(match &ended {
            Ok(Ok(leave)) => leave.outcome(),
            Ok(Err(_)) => Outcome::Failed,
            Err(_) => Outcome::Panicked,
        });
        ended.unwrap_or_else(|payload| resume_unwind(payload))
    })
}

async fn steps(rng: &mut Rng, at: &At) -> Result<Leave, Fault> {
    let steps = if at.depth < DEPTH { rng.u8(..4) } else { 0 };
    for _ in 0..steps {
        let polls = rng.usize(..12);
        match rng.u8(..8) {
            0..3 => {
                for _ in 0..polls {
                    yield_once().await;
                }
            }
            3 => {
                frame(rng, at).await?;
            }
            4 => drop(frame(rng, at).await),
            5 => {
                let (left, right) = futures::join!(frame(rng, at), frame(rng, at));
                left.and(right)?;
            }
            6 => {
                tokio::select! {
                    _ = frame(rng, at) => {}
                    () = async { for _ in 0..polls { yield_once().await } } => {}
                }
            }
            _ => {
                let limit = Duration::from_micros(rng.u64(..1000));
                let _ = tokio::time::timeout(limit, frame(rng, at)).await;
            }
        }
    }
    yield_once().await;
    match if rng.bool() { Leave::AtTheEnd } else { *rng.choice(&Leave::ALL).unwrap() } {
        Leave::Fail => Err(Fault::of_body()),
        Leave::Panic => Fault::of_body().panic(),
        leave => Ok(leave),
    }
}

/// Notes which error a block has come to.
fn came_to<T>(value: Result<T, Fault>, frame: &Arc<Frame>) -> Result<T, Fault> {
    value.inspect_err(|fault| fault.seen(frame))
}

/// A block that is left as its body says; a failure leaves as a value or by `?`.
async fn block<M>(manager: M, frame: Arc<Frame>, body: Nested, as_value: bool) -> Result<Leave, Fault>
where
    M: LocalAsyncContextManager<Error = Fault>,
{
    let mut body = Some(body);
    for manager in [manager] {
        let value = async_with!(manager => {
            match body.take().unwrap().await {
                Ok(Leave::Return) => return Ok(Leave::Return),
                Ok(Leave::Break) => break,
                Ok(Leave::Continue) => continue,
                Err(fault) if !as_value => Err(fault)?,
                ended => ended,
            }
        });
        return came_to(value, &frame)?;
    }
    Ok(Leave::AtTheEnd)
}

/// Items of one block, of which all but the first may be absent.
async fn items(parts: Vec<Part>, frame: Arc<Frame>, body: Nested) -> Result<Leave, Fault> {
    let mut parts = parts.into_iter();
    let (first, second, third) = (parts.next().unwrap(), parts.next(), parts.next());
    let value = async_with!(first, second, third, parts.next() => { body.await? });
    came_to(value, &frame)
}

async fn stack_in_a_block(parts: Vec<Part>, frame: Arc<Frame>, body: Nested) -> Result<Leave, Fault> {
    let value = async_with!(AsyncExitStack::<Fault>::new() as stack => {
        for part in parts {
            stack.enter(part).await?;
        }
        body.await?
    });
    came_to(value, &frame)
}

/// A stack that is closed, or dropped.
async fn stack(parts: Vec<Part>, frame: Arc<Frame>, body: Nested, close: bool) -> Result<Leave, Fault> {
    let stack = AsyncExitStack::<Fault>::new();
    for part in parts {
        stack.enter(part).await?;
    }
    let leave = body.await?;
    if close {
        came_to(stack.close().await, &frame)?;
    }
    Ok(leave)
}

async fn timed(limit: Duration, part: Part, frame: Arc<Frame>, body: Nested) -> Result<Leave, Fault> {
    let elapsed = {
        let frame = Arc::clone(&frame);
        move |_| {
            frame.is_overtaken();
            Fault::of_body()
        }
    };
    let value = async_with!(timeout(limit).map_err(elapsed), part => { body.await? });
    came_to(value, &frame)
}

async fn group(children: Vec<Nested>, frame: Arc<Frame>, body: Nested) -> Result<Leave, Fault> {
    let value = async_with!(TaskGroup::new() as group => {
        for child in children {
            let frame = Arc::clone(&frame);
            drop(group.spawn(async move {
                match AssertUnwindSafe(child).catch_unwind().await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(_)) => Err(Fault::happens("an error of a child", Fate::EitherUnlessOvertaken, &frame)),
                    // The group may abort it meanwhile. Panics are announced anyway.
                    Err(_) => Fault::happens("a panic of a child", Fate::Any, &frame).panic(),
                }
            }));
        }
        body.await?
    });
    let value = value.map_err(|error| match error {
        ChildError::Failed(fault) => fault,
        ChildError::Panicked(panic) => Fault::in_text(&format!("{panic:?}")).expect("a panic of a child"),
        other => unreachable!("{other:?}"),
    });
    came_to(value, &frame)
}
