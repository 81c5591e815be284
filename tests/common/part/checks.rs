//! What holds of every run of parts.

use super::{Came, Ended, Fault, Leave, Run, TO_THE_END, came};

/// Every exit was told, once, for every enter, and ran until it was over.
pub fn check_exactly_once(events: &[String], what: &str) {
    let names = |kind: &str| {
        let mut names: Vec<_> = events
            .iter()
            .filter_map(|event| event.strip_prefix(kind))
            .map(|rest| rest.split(':').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("entered "), names("exit "), "{what}: {events:#?}");
    assert_eq!(names("exit "), names("over "), "{what}: {events:#?}");
    let mut ended = names("exited ");
    ended.extend(failed_exits(events).into_iter().map(|fault| fault.split(' ').next().unwrap().to_owned()));
    ended.sort();
    assert_eq!(names("exit "), ended, "{what}: an exit was dropped half-way: {events:#?}");
}

/// No exit starts before those nested in it are over.
pub fn check_lifo(events: &[String], what: &str) {
    let (mut owed, mut running) = (Vec::new(), None);
    for event in events {
        if let Some(name) = event.strip_prefix("entered ") {
            assert_eq!(running, None, "{what}: {events:#?}");
            owed.push(name);
        } else if let Some(told) = event.strip_prefix("exit ") {
            let (name, _) = told.split_once(": ").unwrap();
            assert_eq!(running, None, "{what}, {event}: another exit was still running: {events:#?}");
            assert_eq!(owed.pop(), Some(name), "{what}, {event}: not the innermost: {events:#?}");
            running = Some(name);
        } else if let Some(name) = event.strip_prefix("over ") {
            assert_eq!(running.take(), Some(name), "{what}, {event}: {events:#?}");
        }
    }
}

/// The exits that failed or panicked, in alphabetical order: `A exit`.
pub fn failed_exits(events: &[String]) -> Vec<String> {
    let mut failed: Vec<_> = events
        .iter()
        .filter_map(|event| event.strip_prefix("failed "))
        .filter(|fault| fault.ends_with(" exit"))
        .map(str::to_owned)
        .collect();
    failed.sort();
    failed
}

/// Each exit that failed was reported, once: as the result or to the hook.
pub fn check_nothing_lost(run: &Run, ended: Option<&Ended>, what: &str) {
    let mut reported = run.lost_faults();
    reported.retain(|fault| fault.ends_with(" exit"));
    if let Some(Ok(Err(fault)) | Err(fault)) = ended {
        if fault.ends_with(" exit") {
            reported.push(fault.clone());
        }
    }
    reported.sort();
    assert_eq!(failed_exits(&run.events()), reported, "{what}: {:#?}", run.events());
}

/// Runs it dropped at every poll, and checks what holds whatever was dropped when. A composite is told one outcome when its
/// exit begins: dropped later, it does what it would have done.
pub async fn dropped_at_every_poll<F>(make: impl Fn(&Run) -> F, lifo: bool, what: &str) -> Came
where
    F: Future<Output = Result<Leave, Fault>>,
{
    let whole = came(&make, TO_THE_END).await;
    assert!(whole.ended.is_some(), "{what}: it hangs: {:#?}", whole.events);
    assert_eq!(whole.before, whole.events, "{what}: something is left to do");
    let mut polls = 0;
    loop {
        let what = format!("{what}, dropped after {polls} polls");
        let cut = came(&make, polls).await;
        check_exactly_once(&cut.events, &what);
        if lifo {
            check_lifo(&cut.events, &what);
        }
        let mut gone = false;
        let entering =
            cut.before.iter().any(|event| event.starts_with("failed ") && event.ends_with(" enter"));
        if entering {
            // The enter of the whole is cut, and may be one in which that of a composite has failed.
            let cancelled =
                cut.events.iter().zip(&whole.events).map(|(cut, whole)| match cut.split_once(": ") {
                    Some((exit, "cancelled")) => whole.starts_with(exit),
                    _ => cut == whole,
                });
            assert!(cancelled.eq(vec![true; whole.events.len()]), "{what}: {:#?}", cut.events);
            // A panic that was on its way out has gone with the future; nothing else may.
            gone = cut.ended.is_none() && cut.events.iter().any(|event| event.ends_with(": panicked"));
        } else if cut.before.iter().any(|event| event.starts_with("exit ")) {
            assert_eq!(cut.events, whole.events, "{what}");
        } else {
            assert_eq!(cut.events[..cut.before.len()], whole.events[..cut.before.len()], "{what}");
            for event in &cut.events[cut.before.len()..] {
                assert!(!event.starts_with("enter"), "{what}: entered after the drop: {:#?}", cut.events);
                assert!(!event.starts_with("exit ") || event.ends_with(": cancelled"), "{what}: {event}");
            }
        }
        if !gone {
            check_nothing_lost(&cut.run, cut.ended.as_ref(), &what);
        }
        if cut.ended.is_some() {
            return whole;
        }
        polls += 1;
    }
}
