//! What scopes cost when many are live at once, one beside the other or one in the other: memory, and time to enter, to hold, to
//! exit and to cut them.
//!
//! All runs on one thread, so that times are those of the work. A round measures each layout at each number once, and the
//! median of the rounds counts. The allocator counts bytes, which takes its part of the times, of all layouts alike.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod layouts;
mod measure;
mod plots;

use std::alloc::System;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use workloads::statistics::{median, rounded, table};

use layouts::{DEEP, FLAT, Layout};
use measure::{Clock, Sample};
use plots::{Line, Plot};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What scopes cost when many are live at once.
#[derive(Parser)]
struct Args {
    /// How many scopes are live, for the table and the plots.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,100000")]
    scopes: Vec<usize>,
    /// How many levels of boxed recursion, for the table and the plots.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,10000")]
    levels: Vec<usize>,
    /// More numbers of scopes, for the plots.
    #[arg(long, value_delimiter = ',', default_value = "10,100,10000")]
    plotted: Vec<usize>,
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many scopes a measurement has at least, if need be by repeating it.
    #[arg(long, default_value_t = 50_000)]
    at_least: usize,
    /// The folder of the plots.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance"))]
    plots: PathBuf,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The deepest recursion is polled and dropped on one stack.
const STACK: usize = 1 << 30;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    thread::scope(|scope| {
        let measuring = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || run(&args))?;
        measuring.join().expect("nothing panics")
    })
}

fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let clock = Clock::new();
    let mut numbers = [&args.scopes[..], &args.plotted[..]].concat();
    numbers.sort_unstable();
    numbers.dedup();
    let flat = runtime.block_on(all(&FLAT, &numbers, args, &clock));
    let deep = runtime.block_on(all(&DEEP, &args.levels, args, &clock));

    println!("The size of a future, in bytes:\n");
    let mut sizes = table(&["future of", "bytes"], 1);
    sizes.add_rows(layouts::sizes().map(|(name, size)| [name.to_owned(), size.to_string()]));
    println!("{sizes}\n");
    println!("Of each scope: bytes on the heap with its future, and nanoseconds.\n");
    print(&flat, "scopes", &METRICS, |number| args.scopes.contains(&number));
    println!("\nOf each level of a recursion by boxes:\n");
    print(&deep, "levels", &[&METRICS[..], &[STACK_TAKEN]].concat(), |_| true);
    draw(&args.plots, &flat, &deep)?;
    println!("\nThe plots are in {}.", args.plots.display());
    Ok(())
}

/// A layout with what was measured of it, by number of scopes: one sample a round.
type Measured = (&'static Layout, Vec<(usize, Vec<Sample>)>);

async fn all(layouts: &'static [Layout], numbers: &[usize], args: &Args, clock: &Clock) -> Vec<Measured> {
    let none = || numbers.iter().map(|number| (*number, Vec::new())).collect();
    let mut measured: Vec<Measured> = layouts.iter().map(|layout| (layout, none())).collect();
    // The first round is to get warm.
    for round in 0..=args.rounds {
        for (layout, numbers) in &mut measured {
            for (number, samples) in numbers {
                let sample = measure::measure(layout, *number, args.at_least, clock).await;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
    }
    measured
}

/// What is printed and plotted of a sample.
type Metric = (&'static str, fn(&Sample) -> f64);

const BYTES: Metric = ("bytes", |sample| sample.bytes);
const CUT: Metric = ("cut and settled", |sample| sample.cut + sample.settled);
const STACK_TAKEN: Metric = ("bytes of stack", |sample| sample.stack);
const METRICS: [Metric; 7] = [
    BYTES,
    ("bytes when detached", |sample| sample.detached),
    ("enter", |sample| sample.enter),
    ("hold", |sample| sample.hold),
    ("exit", |sample| sample.exit),
    ("drop of all", |sample| sample.cut),
    CUT,
];

fn middle((_, of): Metric, samples: &[Sample]) -> f64 {
    median(samples.iter().map(of))
}

fn print(measured: &[Measured], number: &str, metrics: &[Metric], shown: impl Fn(usize) -> bool) {
    let header: Vec<_> =
        ["layout", number].into_iter().chain(metrics.iter().map(|(name, _)| *name)).collect();
    let mut table = table(&header, 1);
    for (layout, numbers) in measured {
        for (number, samples) in numbers.iter().filter(|(number, _)| shown(*number)) {
            let cells = metrics.iter().map(|metric| rounded(middle(*metric, samples)));
            table.add_row([layout.name.to_owned(), number.to_string()].into_iter().chain(cells));
        }
    }
    println!("{table}");
}

fn draw(folder: &Path, flat: &[Measured], deep: &[Measured]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let lines = |measured: &[Measured], metric: Metric| -> Vec<Line> {
        let points = |numbers: &[(usize, Vec<Sample>)]| {
            numbers.iter().map(|(number, samples)| (*number, middle(metric, samples))).collect()
        };
        measured.iter().map(|(layout, numbers)| Line { name: layout.name, points: points(numbers) }).collect()
    };
    let life: Metric = ("", |sample| sample.enter + sample.exit);
    let plots = [
        ("scale-bytes", "Bytes a live scope", "live scopes", lines(flat, BYTES)),
        ("scale-time", "Nanoseconds to enter and exit a scope", "live scopes", lines(flat, life)),
        ("scale-cut", "Nanoseconds to cut a scope, settled", "live scopes", lines(flat, CUT)),
        ("depth-bytes", "Bytes a level of recursion", "levels", lines(deep, BYTES)),
        ("depth-time", "Nanoseconds to enter and exit a level", "levels", lines(deep, life)),
        ("depth-cut", "Nanoseconds to cut a level, settled", "levels", lines(deep, CUT)),
    ];
    for (file, title, number, lines) in plots {
        Plot { title, number, lines }.draw(&folder.join(file).with_extension("svg"))?;
    }
    Ok(())
}
