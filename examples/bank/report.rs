//! What the exits were told and did, and what is printed of it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::{Mutex, PoisonError};

use async_with::Outcome;
use comfy_table::{CellAlignment, Table, presets};

use super::{Action, Row};

/// What the exits were told and did, by row. Only exits write it, so the report cannot claim what did not happen.
#[derive(Default)]
pub struct Log(Mutex<BTreeMap<usize, Exit>>);

#[derive(Clone, Copy)]
pub struct Exit {
    pub told: Outcome,
    pub done: &'static str,
}

impl Log {
    pub fn write(&self, row: usize, exit: Exit) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row, exit);
    }

    pub fn read(&self, row: usize) -> Option<Exit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&row).copied()
    }
}

/// What is printed at the end.
pub struct Report<'a> {
    pub rows: &'a [Row],
    pub reasons: BTreeMap<usize, String>,
    pub log: &'a Log,
    pub balances: Vec<(String, i64)>,
    pub before: i64,
    pub after: i64,
}

impl Report<'_> {
    fn why(&self, row: &Row, reached: bool) -> &str {
        match (self.reasons.get(&row.number), row.action) {
            _ if !reached => "not reached",
            (Some(reason), _) => reason,
            (None, Action::Skip) => "the row says skip",
            (None, Action::Stop) => "the row says stop",
            (None, Action::Pay) => "",
        }
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = new_table(&["row", "from", "to", "amount", "exit was told", "transaction", "why"]);
        let mut reached = true;
        for row in self.rows {
            let exit = self.log.read(row.number);
            let told = exit.map_or("-".to_owned(), |exit| format!("{:?}", exit.told));
            let done = exit.map_or("-", |exit| exit.done);
            let (number, amount) = (row.number.to_string(), row.amount.to_string());
            table.add_row([&number, &row.from, &row.to, &amount, &told, done, self.why(row, reached)]);
            reached &= !matches!(row.action, Action::Stop);
        }
        writeln!(f, "{table}\n")?;

        let mut balances = new_table(&["account", "balance"]);
        for (name, balance) in &self.balances {
            balances.add_row([name, &balance.to_string()]);
        }
        writeln!(f, "{balances}\n")?;

        let verdict = if self.before == self.after { "equal" } else { "NOT EQUAL" };
        writeln!(f, "all money before: {}, after: {}, {verdict}", self.before, self.after)
    }
}

/// An empty table whose columns of numbers are aligned to the right.
fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for (column, name) in table.column_iter_mut().zip(header) {
        if matches!(*name, "row" | "amount" | "balance") {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
