//! What is said of several measurements of the same, and the tables in which it is said.

use std::fmt::{self, Display};

use comfy_table::{CellAlignment, Table, presets};

/// The value in the middle.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(values).median
}

/// The value in the middle, and the middle half of all.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// # Panics
    ///
    /// If there are no values.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1).expect("there are values");
        // Between the two nearest, as much nearer to the one as it is.
        let at = |quarters: usize| {
            let (index, rest) = (last * quarters / 4, last * quarters % 4);
            let next = values[(index + 1).min(last)];
            values[index] + [0.0, 0.25, 0.5, 0.75][rest] * (next - values[index])
        };
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        let Self { low, median, high } = self;
        write!(f, "{median:.digits$} ({low:.digits$}–{high:.digits$})")
    }
}

/// An empty table in Markdown; all columns but the first `texts` hold numbers.
#[must_use]
pub fn table(header: &[&str], texts: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(texts) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// For ratios and means.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "no number of the benches comes near 2^52")]
pub fn as_f64(number: u64) -> f64 {
    number as f64
}

/// With three digits that say something.
#[must_use]
pub fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        10.0..100.0 => 1,
        size if size > 0.0 && size < 10.0 => 2,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half() {
        let Spread { low, median, high } = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!([low, median, high].map(f64::to_bits), [2.0, 3.0, 4.0].map(f64::to_bits));
        let Spread { low, median, high } = Spread::of([1.0, 2.0]);
        assert_eq!([low, median, high].map(f64::to_bits), [1.25, 1.5, 1.75].map(f64::to_bits));
        assert_eq!(self::median([7.0]).to_bits(), 7.0_f64.to_bits());
    }
}
