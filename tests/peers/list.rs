//! The tables in `README.md` and the tests beside it are one list: no case is without its test, no test without its case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Heading in the README, folder of the tests, number of cases.
const PEERS: [(&str, &str, u32); 2] = [("CPython", "cpython", 124), ("test262", "test262", 86)];

const WITHOUT_SENSE: &str = "Cases that make no sense in Rust";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text below a heading, up to the next one of its level or above.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let level = heading.split(' ').next().unwrap_or_default();
    let start = text.find(&format!("\n{heading}\n"))? + heading.len() + 2;
    let rest = &text[start..];
    let is_end = |line: &str| {
        let marks = line.split(' ').next().unwrap_or_default();
        (1..=level.len()).contains(&marks.len()) && marks.chars().all(|mark| mark == '#')
    };
    let end = rest.match_indices('\n').map(|(at, _)| at + 1).find(|at| is_end(&rest[*at..]));
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// The cells of the rows of the tables, without their heads.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let (mut rows, mut in_body) = (Vec::new(), false);
    for line in text.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            in_body = false;
            continue;
        };
        if in_body {
            rows.push(row.split('|').map(str::trim).collect());
        }
        in_body |= row.chars().all(|sign| "-:| ".contains(sign));
    }
    rows
}

/// The case numbers of a cell: `7`, `7, 9`, `7–9`; none in `–`.
fn numbers(cell: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for part in cell.split(',') {
        let ends: Vec<u32> = part.split(['–', '-']).filter_map(|end| end.trim().parse().ok()).collect();
        if let [first, .., last] | [first @ last] = ends[..] {
            numbers.extend(first..=last);
        }
    }
    numbers
}

/// What a cell has between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests in a folder and its files, as `folder::file::name`, with the modules in the files. The sources are formatted by
/// rustfmt, so that a module ends at a brace that is indented as its beginning.
fn tests_in(folder: &Path, path: &str, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap();
        let inner = if name == "mod" { path.to_owned() } else { format!("{path}::{name}") };
        if entry.is_dir() {
            tests_in(&entry, &inner, tests);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            tests_of(&fs::read_to_string(&entry).unwrap(), &inner, tests);
        }
    }
}

fn tests_of(source: &str, path: &str, tests: &mut BTreeSet<String>) {
    let (mut modules, mut is_test) = (Vec::new(), false);
    for line in source.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code == "}" && modules.last().is_some_and(|(begun, _)| *begun == indent) {
            modules.pop();
        } else if let Some(name) = code.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            modules.push((indent, name));
        } else if code == "#[test]" || code.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = code.strip_prefix("async fn ").or_else(|| code.strip_prefix("fn ")) {
            if std::mem::take(&mut is_test) {
                let name = rest.split(['(', '<']).next().unwrap();
                let names = modules.iter().map(|(_, module)| *module).chain([name]);
                tests.insert([path].into_iter().chain(names).collect::<Vec<_>>().join("::"));
            }
        }
    }
}

/// Checks one peer's half of the list; gives its counts as the README states them.
fn check(readme: &str, (heading, folder, cases): (&str, &str, u32)) -> Option<String> {
    let mut tests = BTreeSet::new();
    tests_in(&root().join("tests/peers").join(folder), folder, &mut tests);
    let Some(table) = section(readme, &format!("## {heading}")) else {
        assert!(tests.is_empty(), "there are tests and no table below `## {heading}`: {tests:?}");
        return None;
    };

    let (mut marks, mut named, mut last) = (BTreeMap::new(), BTreeSet::new(), None);
    for cells in rows(table) {
        let [number, mark, _peers, ours] = cells[..] else { panic!("four cells are in a row: {cells:?}") };
        let mark = mark.chars().next().unwrap_or_default();
        assert!(['T', 'C', 'A', 'X'].contains(&mark), "no such mark: {cells:?}");
        for number in numbers(number) {
            // A case of several tests may have several rows; its mark is that of the first.
            assert!(
                last == Some(number) || !marks.contains_key(&number),
                "{heading} {number} is there twice"
            );
            marks.entry(number).or_insert(mark);
            last = Some(number);
        }
        assert!(mark == 'X' || quoted(ours).next().is_some(), "no test of ours is named: {cells:?}");
        for name in quoted(ours) {
            if name.starts_with("tests/") {
                // The programs that do not compile are not published with the crate.
                let left_out = name.starts_with("tests/ui/") && !root().join("tests/ui").exists();
                assert!(left_out || root().join(name).is_file(), "there is no such file: {cells:?}");
            } else {
                assert!(tests.contains(name), "there is no test `{name}`: {cells:?}");
                named.insert(name.to_owned());
            }
        }
    }
    let left_out = section(readme, &format!("## {WITHOUT_SENSE}"))
        .and_then(|section_of_all| section(section_of_all, &format!("### {heading}")))
        .unwrap_or_else(|| panic!("there is no `### {heading}` below `## {WITHOUT_SENSE}`"));
    let mut reasons = BTreeSet::new();
    for cells in rows(left_out) {
        let [numbered @ .., _peers, reason] = &cells[..] else { panic!("a reason is missing: {cells:?}") };
        assert!(!reason.is_empty(), "no reason is given: {cells:?}");
        reasons.extend(numbered.iter().flat_map(|cell| numbers(cell)));
    }
    for number in &reasons {
        marks.entry(*number).or_insert('X');
    }
    for (number, mark) in &marks {
        assert!((1..=cases).contains(number), "{heading} has no case {number}");
        // A table whose reasons have no numbers cannot be asked.
        let explained = *mark != 'X' || reasons.is_empty() || reasons.contains(number);
        assert!(explained, "no reason is given for {heading} {number}");
    }
    let missing: Vec<_> = (1..=cases).filter(|number| !marks.contains_key(number)).collect();
    assert!(missing.is_empty(), "these cases of {heading} are missing: {missing:?}");

    let unnamed: Vec<_> = tests.difference(&named).collect();
    assert!(unnamed.is_empty(), "these tests are in no row of {heading}: {unnamed:#?}");
    let count = |mark| marks.values().filter(|known| **known == mark).count();
    let [direct, adapted, compiled, senseless] = ['T', 'A', 'C', 'X'].map(count);
    let tests = tests.len();
    Some(format!("{cases} cases: {direct} T, {adapted} A, {compiled} C, {senseless} X; {tests} tests."))
}

#[test]
fn the_readme_lists_every_case_and_every_test() {
    let readme = fs::read_to_string(root().join("tests/peers/README.md")).unwrap();
    for peer in PEERS {
        if let Some(counts) = check(&readme, peer) {
            let stated =
                section(&readme, &format!("## {}", peer.0)).is_some_and(|text| text.contains(&counts));
            assert!(stated, "below `## {}` is to stand: {counts}", peer.0);
        }
    }
}

#[test]
fn the_list_is_read_as_it_is_written() {
    let text = "# A\n\n## B\n\n| # | mark |\n| --- | --- |\n| 7, 9–11 | T |\n| – | X |\n\n### C\n\n|c|\n|---|\n| 1 |\n\n## D\n";
    let rows_of = |heading| rows(section(text, heading).unwrap());
    assert_eq!(rows_of("## B"), [vec!["7, 9–11", "T"], vec!["–", "X"], vec!["1"]]);
    assert_eq!((rows_of("### C"), rows_of("## D")), (vec![vec!["1"]], Vec::new()));
    assert_eq!(section(text, "## E"), None);
    assert_eq!(numbers("7, 9–11"), BTreeSet::from([7, 9, 10, 11]));
    assert_eq!((numbers("–"), numbers("5")), (BTreeSet::new(), BTreeSet::from([5])));
    assert_eq!(quoted("`a`, `b::c`: d").collect::<Vec<_>>(), ["a", "b::c"]);

    let source = "#[test]\nfn a() {}\nmod b {\n    #[tokio::test(x)]\n    async fn c() {\n    }\n}\nfn d() {}\n#[test]\nfn e() {}";
    let mut tests = BTreeSet::new();
    tests_of(source, "f", &mut tests);
    assert_eq!(tests, ["f::a", "f::b::c", "f::e"].map(str::to_owned).into());
}
