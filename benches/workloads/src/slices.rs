//! Two or more ways to do the same work, each for a slice of time in turn, so that what drifts concerns all alike.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::statistics::{Spread, as_f64, median, rounded, table};

/// What was done in one slice.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How often the work was done in a second.
    pub rate: f64,
    /// How long the slowest hundredth took, at least, in microseconds.
    pub p99: f64,
}

/// Does the work over and over, in tasks side by side.
///
/// # Errors
///
/// That of the first work that fails.
///
/// # Panics
///
/// If a task does.
pub async fn slice<W, F, E>(tasks: usize, length: Duration, work: W) -> Result<Slice, E>
where
    W: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), E>> + Send,
    E: Send + 'static,
{
    let start = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let work = work.clone();
        running.spawn(async move {
            let mut latencies = Histogram::<u64>::new(3).expect("three digits are possible");
            loop {
                let begun = Instant::now();
                if begun.duration_since(start) >= length {
                    return Ok(latencies);
                }
                work(task).await?;
                let took = u64::try_from(begun.elapsed().as_nanos()).expect("it takes no centuries");
                latencies.record(took).expect("it grows as needed");
            }
        });
    }
    let mut all = Histogram::<u64>::new(3).expect("three digits are possible");
    while let Some(ended) = running.join_next().await {
        all.add(ended.expect("no task panics")?).expect("it grows as needed");
    }
    let seconds = start.elapsed().as_secs_f64();
    let [done, p99] = [all.len(), all.value_at_quantile(0.99)].map(as_f64);
    Ok(Slice { rate: done / seconds, p99: p99 / 1000.0 })
}

/// The order of the contenders in a round: there in one, back in the next.
pub fn order(contenders: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..contenders).map(move |index| if round.is_multiple_of(2) { index } else { contenders - 1 - index })
}

/// One row of the table for each contender but the first, with which it is compared, round by round.
#[derive(Default)]
pub struct Comparison {
    rows: Vec<[String; 8]>,
}

impl Comparison {
    /// Takes the slices of each contender, by rounds.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn add(&mut self, what: &str, tasks: usize, names: &[&str], slices: &[Vec<Slice>]) {
        let (first, others) = slices.split_first().expect("there is something to compare with");
        for (name, slices) in names.iter().skip(1).zip(others) {
            let pairs = || first.iter().zip(slices);
            let time = Spread::of(pairs().map(|(first, slice)| first.rate / slice.rate));
            let p99 = Spread::of(pairs().map(|(first, slice)| slice.p99 / first.p99));
            let middle = |of: fn(&Slice) -> f64, slices: &[Slice]| rounded(median(slices.iter().map(of)));
            self.rows.push([
                format!("{what}: {name}"),
                tasks.to_string(),
                middle(|slice| slice.rate, first),
                middle(|slice| slice.rate, slices),
                format!("{time:.3}"),
                middle(|slice| slice.p99, first),
                middle(|slice| slice.p99, slices),
                format!("{p99:.2}"),
            ]);
        }
    }

    /// Prints it in Markdown; `first` is what the others are compared with.
    pub fn print(&self, first: &str) {
        let (rate, p99) = (format!("{first}, per second"), format!("{first}, p99 in µs"));
        let header = [
            "what",
            "tasks",
            &rate,
            "per second",
            "ratio of the times",
            &p99,
            "p99 in µs",
            "ratio of the p99",
        ];
        let mut table = table(&header, 1);
        table.add_rows(&self.rows);
        println!("{table}");
    }
}
