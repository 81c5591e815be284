//! The thread that runs detached exits where there is no runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::{io, thread};

use crate::handover::BoxFuture;
use crate::locking::lock;

type Exit = BoxFuture<()>;

/// One detached exit. It is in the queue of the thread whenever it has something to do, so that an exit that waits
/// never keeps another one waiting.
struct Task {
    exit: Mutex<Option<Exit>>,
    queue: Sender<Arc<Task>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // The receiver lives as long as the process.
        let _ = self.queue.clone().send(self);
    }
}

/// To the thread, once there is one.
static QUEUE: Mutex<Option<Sender<Arc<Task>>>> = Mutex::new(None);

fn start() -> io::Result<Sender<Arc<Task>>> {
    let (sender, tasks) = channel::<Arc<Task>>();
    let run = move || {
        for task in tasks {
            let waker = Waker::from(Arc::clone(&task));
            let mut exit = lock(&task.exit);
            // The exit catches its own panics, but nothing may end this thread: all others are on it too.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let mut running = exit.take()?;
                let polled = running.as_mut().poll(&mut Context::from_waker(&waker));
                polled.is_pending().then(|| *exit = Some(running))
            }));
        }
    };
    thread::Builder::new().name("async-with exits".to_owned()).spawn(run)?;
    Ok(sender)
}

/// Where no thread can be started, as on WebAssembly, the exit is dropped, which reports it as lost.
pub(crate) fn spawn(exit: Exit) {
    let queue = {
        let mut queue = lock(&QUEUE);
        if queue.is_none() {
            *queue = start().ok();
        }
        queue.clone()
    };
    if let Some(queue) = queue {
        Arc::new(Task { exit: Mutex::new(Some(exit)), queue }).wake();
    }
}
