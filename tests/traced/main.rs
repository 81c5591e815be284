//! The `tracing` spans of a block.

#![cfg(feature = "tracing")]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod adapters;
#[path = "../common/mod.rs"]
mod common;
mod dropped;
mod several;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_with::{AsyncContextManager, AsyncContextManagerExt, Outcome, async_with};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::common::trace::{Gate, Trace, Traced, poll_once, yield_once};
use crate::common::ways::{WAYS, Way, drive, leave};

/// One span, as it was when it was closed, or is.
#[derive(Clone, Debug, Default)]
struct Span {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    closed: bool,
}

#[derive(Default)]
struct Recorded {
    spans: BTreeMap<u64, Span>,
    /// The message of each event, and the spans that it was in, from the outermost in.
    events: Vec<(String, Vec<&'static str>)>,
    next: u64,
}

/// Records what the subscriber of this thread is told.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

/// The number of a span in [`Recorded`]: the ids of the registry are used again.
struct Number(u64);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map(|parent| parent.extensions().get::<Number>().unwrap().0);
        let mut recorded = self.0.lock().unwrap();
        let number = recorded.next;
        recorded.next += 1;
        let mut new = Span { name: attributes.metadata().name(), parent, ..Span::default() };
        attributes.record(&mut Fields(&mut new.fields));
        recorded.spans.insert(number, new);
        span.extensions_mut().insert(Number(number));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let number = context.span(id).unwrap().extensions().get::<Number>().unwrap().0;
        values.record(&mut Fields(&mut self.0.lock().unwrap().spans.get_mut(&number).unwrap().fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        let spans = spans.map(|span| span.name()).collect();
        self.0.lock().unwrap().events.push((fields.remove("message").unwrap_or_default(), spans));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let number = context.span(&id).unwrap().extensions().get::<Number>().unwrap().0;
        self.0.lock().unwrap().spans.get_mut(&number).unwrap().closed = true;
    }
}

impl Recorder {
    /// Records on this thread while the guard is there.
    fn start() -> (Self, DefaultGuard) {
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.clone()));
        (recorder, guard)
    }

    /// The spans by that name, in the order in which they began.
    fn spans(&self, name: &str) -> Vec<Span> {
        self.0.lock().unwrap().spans.values().filter(|span| span.name == name).cloned().collect()
    }

    #[track_caller]
    fn only(&self, name: &str) -> Span {
        let spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{name}: {spans:?}");
        spans[0].clone()
    }

    fn parent(&self, span: &Span) -> Option<Span> {
        Some(self.0.lock().unwrap().spans[&span.parent?].clone())
    }

    #[track_caller]
    fn expect_event(&self, message: &str, spans: &[&str]) {
        let recorded = self.0.lock().unwrap();
        let of: Vec<_> = recorded.events.iter().filter(|(text, _)| text == message).collect();
        assert!(!of.is_empty(), "`{message}` was not recorded");
        for (_, seen) in of {
            assert_eq!(seen, spans, "{message}");
        }
    }

    #[track_caller]
    fn expect_all_closed(&self) {
        let recorded = self.0.lock().unwrap();
        let open: Vec<_> = recorded.spans.values().filter(|span| !span.closed).collect();
        assert!(open.is_empty(), "{open:?}");
    }
}

/// Says where it is in each of its steps.
struct Speaks {
    exit_waits: Option<Gate>,
    trace: Trace,
}

impl Speaks {
    fn new() -> Self {
        Self { exit_waits: None, trace: Trace::new() }
    }
}

impl AsyncContextManager for Speaks {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        info!("in enter");
        yield_once().await;
        info!("in enter");
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        info!("in exit");
        self.trace.log("exit");
        yield_once().await;
        if let Some(gate) = self.exit_waits {
            gate.passed().await;
        }
        info!("in exit");
        Ok(())
    }
}

async fn speaks() {
    info!("in body");
    yield_once().await;
    info!("in body");
}

const IN_BODY: [&str; 2] = ["context_manager", "body"];

#[tokio::test]
async fn enter_body_and_exit_have_their_spans_in_one_for_the_whole() {
    let (recorder, _guard) = Recorder::start();
    let around = info_span!("around");
    let entered = around.enter();
    let mut block = Box::pin(async {
        info!("before");
        async_with!(Speaks::new().traced("speaker") => { speaks().await })?;
        info!("after");
        Ok::<_, &'static str>(())
    });
    while poll_once(block.as_mut()).is_pending() {}
    drop(entered);

    let whole = recorder.only("context_manager");
    assert_eq!(whole.fields["name"], "\"speaker\"");
    assert_eq!(whole.fields["outcome"], "completed");
    assert_eq!(recorder.parent(&whole).unwrap().name, "around");
    for step in ["enter", "body", "exit"] {
        let span = recorder.only(step);
        assert_eq!(recorder.parent(&span).unwrap().name, "context_manager", "{step}");
        assert!(span.fields["elapsed_us"].parse::<u64>().is_ok(), "{step}");
        assert!(!span.fields.contains_key("error"), "{step}");
        let message = format!("in {step}");
        recorder.expect_event(&message, &["around", "context_manager", step]);
        assert!(span.closed);
    }
    assert_eq!(recorder.only("exit").fields["outcome"], "completed");
    assert!(whole.fields["elapsed_us"].parse::<u64>().is_ok());
    assert!(whole.closed);
    recorder.expect_event("before", &["around"]);
    recorder.expect_event("after", &["around"]);
}

#[tokio::test]
async fn the_outcome_is_recorded_on_every_way_out() {
    for way in WAYS {
        let (recorder, _guard) = Recorder::start();
        let trace = Trace::new();
        let manager = Traced::new("A", &trace);
        let manager = if way == Way::Interrupt { manager.interrupts("stop") } else { manager };
        drop(drive(leave(AsyncContextManagerExt::traced(manager, "A"), way, &trace), 99));
        let told = way.outcome().to_string();
        assert_eq!(recorder.only("context_manager").fields["outcome"], told, "{way:?}");
        assert_eq!(recorder.only("exit").fields["outcome"], told, "{way:?}");
        recorder.expect_all_closed();
        info!("outside");
        recorder.expect_event("outside", &[]);
    }
}

#[tokio::test]
async fn what_enter_or_exit_fail_with_is_recorded() {
    let (recorder, _guard) = Recorder::start();
    let trace = Trace::new();
    let failing = AsyncContextManagerExt::traced(Traced::new("A", &trace).enter_fails("enter fault"), "A");
    assert_eq!(async_with!(failing => {}), Err("enter fault"));
    assert_eq!(recorder.only("enter").fields["error"], "\"enter fault\"");
    assert!(recorder.spans("body").is_empty() && recorder.spans("exit").is_empty());
    assert!(recorder.only("context_manager").fields.contains_key("elapsed_us"));
    assert!(!recorder.only("context_manager").fields.contains_key("outcome"), "the body did not run");
    recorder.expect_all_closed();

    let failing = AsyncContextManagerExt::traced(Traced::new("A", &trace).exit_fails("exit fault"), "A");
    assert_eq!(async_with!(failing => {}), Err("exit fault"));
    assert_eq!(recorder.only("exit").fields["error"], "\"exit fault\"");
    recorder.expect_all_closed();
}

#[tokio::test]
async fn panics_close_the_spans_and_leave_the_thread_outside_them() {
    for step in ["enter", "body", "exit"] {
        let (recorder, _guard) = Recorder::start();
        let trace = Trace::new();
        let manager = match step {
            "enter" => Traced::new("A", &trace).enter_panics("panic"),
            "exit" => Traced::new("A", &trace).exit_panics("panic"),
            _ => Traced::new("A", &trace),
        };
        let way = if step == "body" { Way::Panic } else { Way::AtTheEnd };
        drop(drive(leave(AsyncContextManagerExt::traced(manager, "A"), way, &trace), 99));
        info!("outside");
        recorder.expect_event("outside", &[]);
        recorder.expect_all_closed();
    }
}
