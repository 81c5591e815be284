//! Where lost errors go when no hook is set: one test a process, because the hook and the subscriber are those of the
//! process.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use async_with::async_with;

use crate::common::log::{Failure, Log};

async fn loses_an_error() {
    let manager = Log::default().unsure("a").exit_fails(Failure("the exit failed"));
    let value = async_with!(manager => { Err::<(), _>("the body failed") });
    assert_eq!(value, Ok(Err("the body failed")));
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn with_the_feature_tracing_it_is_an_event() {
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    /// Keeps the events, as lines.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<Vec<(Level, String)>>>);

    struct Line<'a>(&'a mut String);

    impl Visit for Line<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            use std::fmt::Write;
            write!(self.0, "{field}={value:?} ").unwrap();
        }
    }

    impl Subscriber for Events {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = String::new();
            event.record(&mut Line(&mut line));
            self.0.lock().unwrap().push((*event.metadata().level(), line));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    let events = Events::default();
    tracing::subscriber::set_global_default(events.clone()).unwrap();
    loses_an_error().await;
    let events = events.0.lock().unwrap();
    let [(level, line)] = &**events else { panic!("one event: {events:?}") };
    assert_eq!(*level, Level::ERROR);
    for part in
        ["log::Recorder<", "default_hook.rs:", "outcome=failed", r#"error=Failure("the exit failed")"#]
    {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
}

#[cfg(not(feature = "tracing"))]
#[test]
fn without_it_it_is_a_line_on_stderr() {
    const CHILD: &str = "ASYNC_WITH_TEST_LOSES_AN_ERROR";
    if std::env::var_os(CHILD).is_some() {
        futures::executor::block_on(loses_an_error());
        return;
    }
    // This test again, as a process of its own, whose stderr can be read.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "without_it_it_is_a_line_on_stderr", "--nocapture"])
        .env(CHILD, "")
        .output()
        .unwrap();
    assert!(output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = stderr.lines().filter(|line| line.starts_with("async-with: ")).collect();
    let [line] = *lines else { panic!("one line: {stderr}") };
    for part in ["log::Recorder<", "default_hook.rs:", "told `failed`", r#"Failure("the exit failed")"#] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
}
