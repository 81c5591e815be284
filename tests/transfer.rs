//! The example `transfer`: what it prints, what it keeps, and how it takes files that it cannot read. And `own_manager`, which
//! prints the same.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::common::example::built;

/// What a run of the example left behind.
struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

static TRANSFER: LazyLock<PathBuf> = LazyLock::new(|| built("transfer"));
static OWN_MANAGER: LazyLock<PathBuf> = LazyLock::new(|| built("own_manager"));

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    run_example(&TRANSFER, args)
}

fn run_example<A: AsRef<OsStr>>(example: &Path, args: impl IntoIterator<Item = A>) -> Run {
    // Elsewhere than the repository, so that the example has to find its data by itself.
    let output = Command::new(example).args(args).current_dir(env::temp_dir()).output();
    let output = output.expect("the example starts");
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("the output is text"),
        stderr: String::from_utf8(output.stderr).expect("the errors are text"),
    }
}

/// A folder with the file `transfers.csv`.
fn folder_with(transfers: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("transfers.csv"), transfers).expect("the file can be written");
    folder
}

/// Runs the example on the file in the folder, and keeps the bank beside it.
fn run_in(folder: &TempDir) -> Run {
    let path = folder.path();
    run([path.join("transfers.csv").as_os_str(), "--database".as_ref(), path.join("bank.db").as_os_str()])
}

/// The cells of a row of the first table.
fn cells(run: &Run, row: usize) -> Vec<&str> {
    let is_it = |cells: &Vec<&str>| cells.len() == 7 && cells[0] == row.to_string();
    let mut rows = run.stdout.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
    rows.find(is_it).unwrap_or_else(|| panic!("no row {row} in\n{}", run.stdout))
}

/// The lines of the second table.
fn printed_balances(run: &Run) -> Vec<(String, i64)> {
    let pair = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, balance] = cells[..] else { return None };
        Some((name.to_owned(), balance.parse().ok()?))
    };
    run.stdout.lines().filter_map(pair).collect()
}

/// The balances in a kept bank, and the rows that its journal has.
async fn kept(database: &Path) -> (Vec<(String, i64)>, Vec<i64>) {
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(database)).await.unwrap();
    let balances = sqlx::query_as("SELECT name, balance FROM account ORDER BY name").fetch_all(&pool).await;
    let journal = sqlx::query_scalar("SELECT number FROM journal ORDER BY id").fetch_all(&pool).await;
    pool.close().await;
    (balances.unwrap(), journal.unwrap())
}

fn balances(alice: i64, bob: i64) -> Vec<(String, i64)> {
    let others = [("acme", 1_000_000), ("alice", alice), ("bob", bob), ("carol", 20), ("sloth", 0)];
    others.map(|(name, balance)| (name.to_owned(), balance)).to_vec()
}

mod a_good_file {
    use super::*;

    #[test]
    fn the_default_run_prints_what_the_repository_says() {
        let run = run([""; 0]);
        assert_eq!(run.stdout, include_str!("../examples/data/transfer.out"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
    }

    #[test]
    fn the_hand_written_manager_does_the_same() {
        let run = run_example(&OWN_MANAGER, [""; 0]);
        assert_eq!(run.stdout, include_str!("../examples/data/transfer.out"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
    }

    /// The journal is written inside the transactions, so it tells independently of the report which of them stand.
    #[tokio::test]
    async fn the_bank_that_is_kept_has_what_the_report_says() {
        let folder = folder_with(include_str!("../examples/data/transfers.csv"));
        let run = run_in(&folder);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        let (balances, journal) = kept(&folder.path().join("bank.db")).await;
        assert_eq!(balances, printed_balances(&run));
        assert_eq!(balances.len(), 5);
        let rows = include_str!("../examples/data/transfers.csv").lines().count() - 1;
        let committed: Vec<_> = (1..=rows).filter(|&row| cells(&run, row)[5] == "committed").collect();
        assert_eq!(journal, committed.iter().map(|&row| i64::try_from(row).unwrap()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_bank_that_is_there_already_is_gone_on_with() {
        let folder = folder_with("action,from,to,amount\npay,alice,bob,10\n");
        assert_eq!(run_in(&folder).status, Some(0));
        let second = run_in(&folder);
        assert_eq!(second.status, Some(0), "{}", second.stderr);
        assert_eq!(printed_balances(&second), balances(80, 70));
        assert_eq!(kept(&folder.path().join("bank.db")).await, (balances(80, 70), vec![1, 1]));
    }

    #[test]
    fn a_file_without_rows_leaves_the_money_where_it_was() {
        let run = run_in(&folder_with("action,from,to,amount\n"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert_eq!(printed_balances(&run), balances(100, 50));
    }

    #[test]
    fn skip_and_stop_act_on_the_loop_over_the_rows() {
        let file = "action,from,to,amount\nskip,alice,bob,1\nskip,alice,bob,2\npay,alice,bob,4\nstop,alice,bob,8\n\
                    pay,alice,bob,16\nstop,alice,bob,32\n";
        let run = run_in(&folder_with(file));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        let told = |row| cells(&run, row)[4];
        let ways = (1..=6).map(told).collect::<Vec<_>>();
        assert_eq!(ways, ["Continued", "Continued", "Completed", "Broke", "-", "-"]);
        assert_eq!(cells(&run, 6)[6], "not reached");
        assert_eq!(printed_balances(&run), balances(96, 54));
    }

    #[test]
    fn a_payment_that_panics_does_not_keep_the_next_from_being_made() {
        let file = "action,from,to,amount\npay,acme,bob,10001\npay,alice,bob,1\n";
        let run = run_in(&folder_with(file));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert_eq!(cells(&run, 1)[4..6], ["Panicked", "rolled back"]);
        assert_eq!(cells(&run, 2)[4..6], ["Completed", "committed"]);
        assert_eq!(printed_balances(&run), balances(99, 51));
    }

    #[test]
    fn a_rollback_that_is_still_running_at_the_end_is_waited_for() {
        let run = run_in(&folder_with("action,from,to,amount\npay,alice,sloth,10\n"));
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert_eq!(cells(&run, 1)[4..6], ["Cancelled", "rolled back"]);
        assert_eq!(printed_balances(&run), balances(100, 50));
    }
}

mod a_malformed_row {
    use super::*;

    /// Runs a file whose second row is malformed, and gives what is said about it.
    async fn complaint(file: impl AsRef<[u8]>) -> String {
        let folder = folder_with(file);
        let run = run_in(&folder);
        assert_eq!(run.status, Some(1), "{}", run.stderr);
        assert_eq!(cells(&run, 1)[4..6], ["Completed", "committed"]);
        assert_eq!(cells(&run, 3)[4..6], ["Completed", "committed"]);
        assert_eq!(printed_balances(&run), balances(95, 55));
        assert_eq!(kept(&folder.path().join("bank.db")).await, (balances(95, 55), vec![1, 3]));
        let prefix = format!("error: {}, ", folder.path().join("transfers.csv").display());
        let complaint = run.stderr.strip_prefix(&prefix).unwrap_or_else(|| panic!("{}", run.stderr));
        complaint.trim_end().to_owned()
    }

    fn around(row: &str) -> String {
        format!("action,from,to,amount\npay,alice,bob,1\n{row}\npay,alice,bob,4\n")
    }

    #[tokio::test]
    async fn a_bad_amount_is_reported_and_the_other_rows_stand() {
        let bad = complaint(around("pay,alice,bob,much")).await;
        assert_eq!(bad, "line 3: column amount: invalid digit found in string");
        let negative = complaint(around("pay,alice,bob,-2")).await;
        assert_eq!(negative, "line 3: column amount: invalid digit found in string");
        let huge = complaint(around("pay,alice,bob,4294967296")).await;
        assert_eq!(huge, "line 3: column amount: number too large to fit in target type");
        let empty = complaint(around("pay,alice,bob,")).await;
        assert_eq!(empty, "line 3: column amount: cannot parse integer from empty string");
    }

    #[tokio::test]
    async fn a_wrong_number_of_columns_is_reported_and_the_other_rows_stand() {
        assert_eq!(complaint(around("pay,alice,bob")).await, "line 3: 3 columns where 4 are expected");
        assert_eq!(complaint(around("pay,alice,bob,1,2")).await, "line 3: 5 columns where 4 are expected");
    }

    #[tokio::test]
    async fn an_unknown_action_is_reported_and_the_other_rows_stand() {
        let complaint = complaint(around("steal,alice,bob,2")).await;
        assert!(complaint.starts_with("line 3: unknown variant `steal`"), "{complaint}");
    }

    #[tokio::test]
    async fn bytes_that_are_not_text_are_reported_and_the_other_rows_stand() {
        let file = around("pay,alice,b?b,2").replace('?', "\u{1}").into_bytes();
        let file: Vec<_> = file.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
        assert_eq!(complaint(file).await, "line 3: the text is not UTF-8");
    }

    #[tokio::test]
    async fn its_line_is_the_one_that_an_editor_shows() {
        let after_blank_lines = around("\n\npay,alice,bob");
        assert_eq!(complaint(after_blank_lines).await, "line 5: 3 columns where 4 are expected");
        let windows = around("pay,alice,bob,much").replace('\n', "\r\n");
        assert_eq!(complaint(windows).await, "line 3: column amount: invalid digit found in string");
        let after_a_long_row = around("pay,alice,bob").replace("pay,alice,bob,1", "pay,alice,\"bob\n\",1");
        assert_eq!(complaint(after_a_long_row).await, "line 4: 3 columns where 4 are expected");
    }

    #[test]
    fn each_one_is_reported() {
        let run = run_in(&folder_with("action,from,to,amount\npay\npay,alice,bob,x\npay,alice,bob,5"));
        assert_eq!(run.status, Some(1));
        let lines: Vec<_> = run.stderr.lines().collect();
        assert!(
            matches!(lines[..], [a, b] if a.contains("line 2: ") && b.contains("line 3: ")),
            "{}",
            run.stderr
        );
        assert_eq!(printed_balances(&run), balances(95, 55));
    }
}

mod a_file_that_cannot_be_used {
    use super::*;

    /// Runs the example on it, and gives what is said about it.
    fn complaint(path: &Path) -> String {
        let run = run([path]);
        assert_eq!(run.status, Some(1), "{}", run.stderr);
        assert_eq!(run.stdout, "");
        run.stderr
    }

    #[test]
    fn one_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere.csv");
        let stderr = complaint(&path);
        assert!(stderr.starts_with(&format!("error: cannot read {}: ", path.display())), "{stderr}");
    }

    #[test]
    fn a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let stderr = complaint(folder.path());
        assert!(stderr.starts_with(&format!("error: cannot read {}: ", folder.path().display())), "{stderr}");
    }

    #[test]
    fn one_with_other_columns_is_told_which_there_must_be() {
        for file in ["", "from,to,amount\nalice,bob,1\n", "pay,alice,bob,1\n"] {
            let folder = folder_with(file);
            let stderr = complaint(&folder.path().join("transfers.csv"));
            assert!(stderr.ends_with("line 1: the columns must be action,from,to,amount\n"), "{stderr}");
        }
    }

    #[test]
    fn a_database_that_is_none_is_refused() {
        let folder = folder_with("action,from,to,amount\npay,alice,bob,1\n");
        fs::write(
            folder.path().join("bank.db"),
            "this is a text, and long enough to be taken for a header ".repeat(99),
        )
        .unwrap();
        let run = run_in(&folder);
        assert_eq!(run.status, Some(1));
        assert!(run.stderr.starts_with("error: the database failed: "), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}
