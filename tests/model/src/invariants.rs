//! What holds of every course, whatever a program does: the model and the real run could be wrong together.

use std::collections::HashMap;

use crate::program::{Item, Kind, Program};

/// What there is to know of a manager.
#[derive(Clone, Copy)]
struct Known {
    /// Managers of one group are exited concurrently.
    group: usize,
    /// When the future is dropped, it is left then and there, whatever runs on detached inside.
    at_once: bool,
}

/// Checks that every entered manager is left exactly once, the innermost first.
///
/// # Panics
///
/// If it is not so.
pub fn check(program: &Program, events: &[String]) {
    let mut known = HashMap::new();
    for (group, item) in program.items().into_iter().enumerate() {
        for (number, plan) in item.plans().iter().enumerate() {
            let group = if matches!(item, Item::Together(_)) { (group, 0) } else { (group, number) };
            let at_once = item.is(Kind::Local) || item.is(Kind::Sync);
            known.insert(plan.name.as_str(), Known { group: group.0 * 100 + group.1, at_once });
        }
    }
    let mut entered: Vec<&str> = Vec::new();
    for event in events {
        if let Some(name) = event.strip_prefix("entered ") {
            entered.push(name);
        } else if let Some((name, told)) = left(event) {
            let at = entered.iter().rposition(|entered| *entered == name);
            let at = at.unwrap_or_else(|| panic!("{event}: not entered, or left before: {events:#?}"));
            let inside = entered.split_off(at + 1);
            entered.pop();
            let own = known[name];
            let dropped = own.at_once && told.is_none_or(|told| told == "cancelled");
            let innermost = inside.iter().all(|name| known[name].group == own.group);
            assert!(dropped || innermost, "{event}: {inside:?} first: {events:#?}");
            entered.extend(inside);
        }
    }
    assert!(entered.is_empty(), "{entered:?} were not left: {events:#?}");
}

/// Which manager is left, and what it is told.
fn left(event: &str) -> Option<(&str, Option<&str>)> {
    if let Some(name) = event.strip_prefix("abandon ") {
        return Some((name, None));
    }
    let (name, told) = event.strip_prefix("exit ")?.split_once(": ")?;
    Some((name, Some(told)))
}
