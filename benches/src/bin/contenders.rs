//! Contenders beside each other, as a table in Markdown.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fmt::Display;
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use benches::cases::{Case, Contender, Run};
use benches::{BLOCKS, stage};
use clap::{Parser, Subcommand};
use serde_json::Value;

/// Compares blocks: bare, by hand with the same guarantees, by the macro, and by other crates.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Subcommand)]
enum Measure {
    /// Nanoseconds a block. Only on a machine that does nothing else.
    Time {
        /// How often each contender is measured; they take turns.
        #[arg(long, default_value_t = 101)]
        rounds: usize,
        /// How long one measurement takes, in microseconds.
        #[arg(long, default_value_t = 2000)]
        micros: u64,
        /// Only the block that does nothing.
        #[arg(long)]
        no_op: bool,
        /// The figures alone, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Instructions a block, counted by callgrind. The same on every machine with the same compiler.
    Instructions {
        /// Fails if the macro takes more than this many times what the expert's block takes, in any case.
        #[arg(long)]
        bound: Option<f64>,
    },
}

type Failure = Box<dyn Error>;

/// What one block of each contender takes in each case, if it can do the case.
type Figures = HashMap<(Contender, Case), f64>;

/// The macro beside the same by hand.
const PAIRS: [(&str, Contender, Contender); 2] = [
    ("local", Contender::MacroLocal, Contender::ExpertLocal),
    ("guaranteed", Contender::MacroGuaranteed, Contender::ExpertGuaranteed),
];

fn main() -> Result<ExitCode, Failure> {
    match Options::parse().measure {
        Measure::Time { rounds, micros, no_op, json } => {
            let cases = if no_op { &Case::ALL[..1] } else { &Case::ALL };
            time(cases, rounds, Duration::from_micros(micros), json);
            Ok(ExitCode::SUCCESS)
        }
        Measure::Instructions { bound } => instructions(bound),
    }
}

fn time(cases: &[Case], rounds: usize, length: Duration, json: bool) {
    stage::set();
    let (mut figures, mut ratios) = (Figures::new(), HashMap::new());
    for &case in cases {
        let contenders: Vec<(Contender, Run)> = Contender::ALL
            .into_iter()
            .filter_map(|contender| Some((contender, contender.block(case)?)))
            .collect();
        let times: Vec<u32> = contenders.iter().map(|&(_, run)| times(run, length)).collect();
        let mut taken: HashMap<Contender, Vec<f64>> = HashMap::new();
        for _ in 0..rounds {
            for (&(contender, run), &times) in contenders.iter().zip(&times) {
                taken.entry(contender).or_default().push(nanoseconds(run, times));
            }
        }
        for (_, of_macro, of_expert) in PAIRS {
            // Of the same round, which saw the same machine.
            let each = taken[&of_macro].iter().zip(&taken[&of_expert]).map(|(a, b)| a / b);
            ratios.insert((of_macro, case), median(each.collect()));
        }
        figures.extend(taken.into_iter().map(|(contender, all)| ((contender, case), median(all))));
    }
    if json {
        let of = |contender: Contender| (contender.to_string(), figures[&(contender, Case::NoOp)].into());
        println!("{}", Value::Object(Contender::ALL.map(of).into_iter().collect()));
        return;
    }
    println!(
        "Nanoseconds a block, medians of {rounds} rounds in which the contenders take turns; ratios within a round.\n"
    );
    print_table(cases, &Contender::ALL, &figures, |of_macro, case| ratios[&(of_macro, case)]);
    let no_op = |contender| figures[&(contender, Case::NoOp)];
    println!(
        "\nA no-op block over a local manager takes {:.1} ns more than the bare sequence, one over a guaranteed manager \
         {:.1} ns more than a local one; an allocation and its release take {:.1} ns.",
        no_op(Contender::MacroLocal) - no_op(Contender::Bare),
        no_op(Contender::MacroGuaranteed) - no_op(Contender::MacroLocal),
        median((0..rounds).map(|_| nanoseconds(allocate, 10_000)).collect()),
    );
}

#[inline(never)]
fn allocate(times: u32) {
    for _ in 0..times {
        drop(black_box(Box::new(black_box([0_u64; 4]))));
    }
}

/// How many blocks take so long.
fn times(run: Run, length: Duration) -> u32 {
    let mut times = 1;
    loop {
        let started = Instant::now();
        run(times);
        if started.elapsed() * 2 > length {
            return times;
        }
        times *= 2;
    }
}

fn nanoseconds(run: Run, times: u32) -> f64 {
    let started = Instant::now();
    run(times);
    started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn instructions(bound: Option<f64>) -> Result<ExitCode, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let counted = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "benches", "--bench", "instructions", "--", "--output-format=json"])
        .stderr(Stdio::inherit())
        .output()?;
    if !counted.status.success() {
        return Err(format!("the bench `instructions`: {}", counted.status).into());
    }
    let order = Contender::COUNTED.into_iter().flat_map(|contender| Case::ALL.map(|case| (contender, case)));
    let summaries = String::from_utf8(counted.stdout)?;
    let summaries: HashMap<String, f64> = summaries.lines().map(instructions_of).collect::<Result<_, _>>()?;
    let figures = order.enumerate().map(|(number, key)| {
        let id = format!("of_{number}");
        let all = summaries.get(&id).ok_or_else(|| format!("nothing was counted for {id}"))?;
        Ok((key, all / f64::from(BLOCKS)))
    });
    let figures = figures.collect::<Result<Figures, Failure>>()?;

    println!("Instructions a block; ratios of the macro to the expert's block.\n");
    let ratio = |of_macro, case| {
        let (_, _, of_expert) =
            PAIRS.into_iter().find(|pair| pair.1 == of_macro).expect("one of the macro's");
        figures[&(of_macro, case)] / figures[&(of_expert, case)]
    };
    print_table(&Case::ALL, &Contender::COUNTED, &figures, ratio);
    let Some(bound) = bound else { return Ok(ExitCode::SUCCESS) };
    let mut result = ExitCode::SUCCESS;
    for (name, of_macro, _) in PAIRS {
        for case in Case::ALL.into_iter().filter(|&case| ratio(of_macro, case) > bound) {
            eprintln!("{case}, {name}: {:.3} times the expert's, more than {bound}", ratio(of_macro, case));
            result = ExitCode::FAILURE;
        }
    }
    Ok(result)
}

/// The name of a bench, and what it counted.
fn instructions_of(summary: &str) -> Result<(String, f64), Failure> {
    let summary: Value = serde_json::from_str(summary)?;
    let counted = summary.pointer("/profiles/0/data/parts/0/metrics/Ir/values/new").and_then(Value::as_f64);
    match (summary["id"].as_str(), counted) {
        (Some(id), Some(counted)) => Ok((id.to_owned(), counted)),
        _ => Err(format!("a summary of another form: {summary}").into()),
    }
}

fn print_table(
    cases: &[Case],
    contenders: &[Contender],
    figures: &Figures,
    ratio: impl Fn(Contender, Case) -> f64,
) {
    let names = contenders.iter().map(ToString::to_string);
    print_row("case", names.chain(PAIRS.map(|(name, ..)| format!("ratio, {name}"))));
    print_row("---", vec!["--:"; contenders.len() + PAIRS.len()]);
    for &case in cases {
        let figure = |&contender: &Contender| match figures.get(&(contender, case)) {
            Some(figure) => format!("{figure:.1}"),
            None => "cannot".to_owned(),
        };
        let ratios = PAIRS.map(|(_, of_macro, _)| format!("{:.2}", ratio(of_macro, case)));
        print_row(case, contenders.iter().map(figure).chain(ratios));
    }
}

fn print_row<T: Display>(head: impl Display, cells: impl IntoIterator<Item = T>) {
    let cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
    println!("| {head} | {} |", cells.join(" | "));
}
