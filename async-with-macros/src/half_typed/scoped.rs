//! The places of `#[scoped]`. What stands for the rest of a block is a macro in the expansion, and looked into.
//!
//! A function is parsed by rustc before its attribute sees it, and rustc then says what is missing. So the attribute has
//! nothing to add to that.

use super::{AFTER, IN_A_BODY, IN_A_HEAD, Input, Macro, SCOPED, check_each, written};

/// Before an `#[enter] let`, behind it, between two of them, and in and behind the blocks that have one.
const BODIES: [(Macro, &str); 14] = [
    (SCOPED, "‹async fn f(x: u8) -> u8 { first(x); @› #[enter] let ‹tx› = ‹m()›; ‹after(tx) }›"),
    (SCOPED, "‹async fn f(x: u8) -> u8 {› #[enter] let ‹tx› = ‹m(x)›; ‹first(tx); @ }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹(a, mut tx)›: ‹T› = ‹m()›; ‹@ }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹m()›; ‹@› #[enter] let ‹y› = ‹n(tx)›; ‹after(y) }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹x› = ‹m()›; #[enter] let ‹tx› = ‹n(x)›; ‹@ }›"),
    (SCOPED, "‹async fn f() { {› #[enter] let ‹tx› = ‹m()›; ‹@ } last() }›"),
    (SCOPED, "‹async fn f() { let x = {› #[enter] let ‹tx› = ‹m()›; ‹@ }; last(x) }›"),
    (SCOPED, "‹async fn f() { {› #[enter] let ‹y› = ‹m()›; ‹y.a() } @ }›"),
    (
        SCOPED,
        "‹async fn f() {› #[enter] let ‹tx› = ‹m()›; ‹for x in xs {› #[enter] let ‹y› = ‹n(tx)›; ‹@ } a() }›",
    ),
    (
        SCOPED,
        "‹async fn f() {› #[enter] let ‹tx› = ‹m()›; ‹for x in xs {› #[enter] let ‹y› = ‹n(tx)›; ‹a() } @ }›",
    ),
    (SCOPED, "‹async fn f() { spawn(async {› #[enter] let ‹tx› = ‹m()›; ‹@ }); }›"),
    (SCOPED, "‹async fn f() { let c = async |x| {› #[enter] let ‹tx› = ‹m()›; ‹@ }; c(1).await }›"),
    (SCOPED, "‹async fn f() { async_with!(m() as tx => {› #[enter] let ‹y› = ‹n(tx)›; ‹@ }); }›"),
    (SCOPED, "‹#[a] pub async fn f(&self) { match x { A => {› #[enter] let ‹tx› = ‹m()›; ‹@ } B => {} } }›"),
];

/// Where a jump leads out of the rest of a block, which is therefore parsed.
const JUMPS: [(Macro, &str); 6] = [
    (SCOPED, "‹async fn f() { loop {› #[enter] let ‹tx› = ‹m()›; ‹if x {› break; ‹} @ } }›"),
    (
        SCOPED,
        "‹async fn f() { 'a: loop {› #[enter] let ‹tx› = ‹m()›; ‹if x()?.y {› break 'a ‹x &&y?› ‹} @ } }›",
    ),
    (
        SCOPED,
        "‹async fn f() { loop {› #[enter] let ‹x› = ‹m()›; #[enter] let ‹tx› = ‹n()›; ‹if x {› break; ‹} @ } }›",
    ),
    (
        SCOPED,
        "‹async fn f() { loop {› #[enter] let ‹x› = ‹m()›; ‹if x {› break; ‹}› #[enter] let ‹tx› = ‹n()›; ‹@ } }›",
    ),
    (
        SCOPED,
        "‹async fn f() { 'a: for x in xs {› #[enter] let ‹tx› = ‹m()›; ‹{› #[enter] let ‹y› = ‹n(tx)›; ‹if y {› \
         continue 'a; ‹} @ } tx.b() } }›",
    ),
    (
        SCOPED,
        "‹async fn f() { 'a: for x in xs {› #[enter] let ‹tx› = ‹m()›; ‹{› #[enter] let ‹y› = ‹n(tx)›; ‹if y {› \
         continue 'a; ‹} tx.b() } @ } }›",
    ),
];

const MANAGERS: [(Macro, &str); 5] = [
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@›; ‹first(tx); }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹x› = ‹m()›; ‹a();› #[enter] let ‹(tx, _)› = ‹@›; ‹first(tx) }›"),
    (SCOPED, "‹async fn f() { {› #[enter] let ‹_› = ‹@›; ‹first() } last() }›"),
    (SCOPED, "‹async fn f() { loop {› #[enter] let ‹tx› = ‹@›; ‹if x {› break; ‹} first(tx) } }›"),
    (
        SCOPED,
        "‹async fn f() { 'a: loop {› #[enter] let ‹x› = ‹m()›; ‹{› #[enter] let ‹tx› = ‹@›; ‹if x {› break 'a; ‹} } } }›",
    ),
];

/// There is no `;` yet behind the manager.
const MANAGERS_WITHOUT_AN_END: [(Macro, &str); 4] = [
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹x› = ‹m()›; #[enter] let ‹tx› = ‹@ }›"),
    (SCOPED, "‹async fn f() { {› #[enter] let ‹tx› = ‹@ } last() }›"),
    (
        SCOPED,
        "‹async fn f() { loop {› #[enter] let ‹x› = ‹m()›; ‹if x {› break; ‹}› #[enter] let ‹tx› = ‹@ } }›",
    ),
];

/// And statements follow, the first of which is of another kind each time. Its `;` may be taken for that of the `let`.
const MANAGERS_BEFORE_STATEMENTS: [(Macro, &str); 7] = [
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ debit(tx).await?›; ‹last(tx) }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ let y = debit(tx)›; ‹last(y) }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ if x { debit(tx) } }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ 'a: loop { debit(tx) } }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹tx› = ‹@ #[a] let y = debit(tx)›; ‹last(y) }›"),
    (SCOPED, "‹async fn f() { loop {› #[enter] let ‹tx› = ‹@ if x {› break; ‹} last(tx) } }›"),
    (
        SCOPED,
        "‹async fn f() {› #[enter] let ‹tx› = ‹@ for x in xs {› #[enter] let ‹y› = ‹n(tx)›; ‹last(y) } }›",
    ),
];

const IN_A_PATTERN: [&str; 5] = ["¦", "a¦", "(a, ¦)", "(a, b¦)", "S { a¦, .. }"];

const IN_WHAT_IS_NO_PATTERN_YET: [&str; 3] = ["S { a: ¦ }", "Path::¦", "[a, ¦, b]"];

const PATTERNS: [(Macro, &str); 3] = [
    (SCOPED, "‹async fn f() {› #[enter] let ‹@› = ‹m()›; ‹first() }›"),
    (SCOPED, "‹async fn f() {› #[enter] let ‹x› = ‹m()›; ‹{› #[enter] let ‹@›: ‹T› = ‹m()›; ‹first() } }›"),
    (SCOPED, "‹async fn f() { loop {› #[enter] let ‹@› = ‹m()›; ‹if x {› break; ‹} last() } }›"),
];

/// There is no manager yet.
const PATTERNS_ALONE: [(Macro, &str); 5] = [
    (SCOPED, "‹async fn f() {› #[enter] ‹let @ }›"),
    (SCOPED, "‹async fn f() {› #[enter] ‹let @›; ‹first(); }›"),
    (SCOPED, "‹async fn f() {› #[enter] ‹let @ debit(x).await?; last() }›"),
    (SCOPED, "‹async fn f() {› #[enter] ‹let @ let y = debit(x); last(y) }›"),
    (SCOPED, "‹async fn f() {› #[enter] ‹let @ if x { last() } }›"),
];

#[test]
fn in_each_body() {
    check_each(&BODIES, &IN_A_BODY, "", 0);
}

#[test]
fn in_each_body_with_a_jump() {
    check_each(&JUMPS, &IN_A_BODY, "", 0);
    for after in &AFTER[..2] {
        check_each(&JUMPS, &IN_A_BODY, after, 0);
    }
}

#[test]
fn in_each_manager() {
    for typed in [&IN_A_HEAD[..], &["¦"]] {
        check_each(&MANAGERS, typed, "", 0);
        check_each(&MANAGERS_WITHOUT_AN_END, typed, "", 0);
        check_each(&MANAGERS_BEFORE_STATEMENTS, typed, "", 0);
    }
}

#[test]
fn a_manager_without_an_end_ends_where_the_next_statement_begins() {
    for (_, place) in MANAGERS_BEFORE_STATEMENTS {
        for typed in ["m()¦", "m¦", "pool.¦"] {
            // `pool.` would go on with the name.
            if typed == "pool.¦" && place.contains("‹@ debit") {
                continue;
            }
            let texts = [place.to_owned(), place.replace('@', "@;")].map(|place| {
                let input = Input::new(SCOPED, &place, typed, "", "");
                input.expansions().into_iter().map(written).collect::<Vec<_>>()
            });
            let [without, with] = texts;
            assert_eq!(without, with, "{typed} in {place}");
        }
    }
}

#[test]
fn in_each_pattern() {
    check_each(&PATTERNS, &IN_A_PATTERN, "", 0);
    check_each(&PATTERNS, &IN_WHAT_IS_NO_PATTERN_YET, "", 0);
    check_each(&PATTERNS_ALONE, &IN_A_PATTERN, "", 1);
}

#[test]
fn behind_the_attribute() {
    let places = [
        (SCOPED, "‹async fn f() {› #[enter] ‹@ }›"),
        (SCOPED, "‹async fn f() {› #[enter] ‹@ debit(x).await?; last() }›"),
    ];
    check_each(&places, &["¦", "l¦"], "", 1);
}
