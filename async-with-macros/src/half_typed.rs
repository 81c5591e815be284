//! The macros on code that is being typed. In each place of the grammar, with each of many ends that code has meanwhile:
//!
//! - nothing that the user has written is lost, moved or given another place;
//! - there is at most one mistake;
//! - the expansion is the same, up to where the user types, as it is with a name there. rust-analyzer completes by putting a
//!   name in, and looks in the expansion without it at the place where the name is in the other: `expand` in its
//!   `ide-completion/src/context/analysis.rs`.

use std::iter;
use std::ops::Range;

use proc_macro2::extra::invalidate_current_thread_spans;
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use crate::hostile::{each, errors, is_there};
use crate::parse::Flavour;
use crate::{expand, scoped, within};

#[path = "half_typed/scoped.rs"]
mod of_scoped;

/// What is typed: `¦` is where.
const IN_A_BODY: [&str; 43] = [
    "tx.¦",
    "tx.¦;",
    "tx.be¦",
    "tx.begin().¦",
    "tx.begin().await.¦",
    "tx.begin().await?.¦",
    "tx.begin()?.¦;",
    "&tx.¦",
    "*tx.¦ = 5;",
    "x == tx.¦",
    "let x = ¦",
    "let x = ¦;",
    "let x = tx.¦",
    "let x = tx.¦;",
    "let x = &mut tx.¦;",
    "let x: ¦ = tx;",
    "let x: Vec<¦> = tx;",
    "let Some(x) = tx.¦ else { return };",
    "foo(¦)",
    "foo(a, ¦)",
    "foo(a, tx.¦)",
    "foo(a, tx.¦);",
    "foo(&¦)",
    "foo(a +¦)",
    "foo(tx.¦, a);",
    "foo(\"an argument\nwithout an end) }); }\n\", ¦)",
    "[tx.¦]",
    "S { a: tx.¦ }",
    "S { a: ¦ }",
    "if tx.¦",
    "if tx.¦ { a() }",
    "if a { tx.¦ } else { tx.b() }",
    "match tx.¦",
    "match tx.¦ { A => a() }",
    "match tx { A => tx.¦ }",
    "for x in tx.¦ { a() }",
    "while tx.¦ { a() }",
    "|x| tx.¦",
    "tx.begin::<¦>()",
    "Type::¦",
    "use std::¦;",
    "println!(\"{}\", tx.¦);",
    "tx.a(|b| b.¦)",
];

/// What may follow.
const AFTER: [&str; 4] = ["more(tx);", "let y = more(tx);", "if more { a(tx) }", "tx.more()"];

/// Where it is typed: `@` stands for it. What is between `‹` and `›` is in the expansion; the rest is for the macro.
const BODIES: [(Macro, &str); 12] = [
    (ASYNC, "‹m()› as ‹tx› => { ‹first(tx); @› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹@› }"),
    (ASYNC, "‹m()› as ‹tx›, { ‹first(tx); @› }"),
    (ASYNC, "‹m()› => { ‹@› }"),
    (ASYNC, "‹m()› as ‹tx›, ‹n(tx)› as ‹(a, mut b)› => { ‹first(tx); @› }"),
    (ASYNC, "‹m()› as ‹tx›, ‹n(tx)› as ‹S { a, .. }›, { ‹@› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹async_with!(n(tx) as y => { @ }); after(tx);› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹let c = |y| { @ }; c(tx)› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹let c = async { @ }; match c.await { A => { first() } B => {} }› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹match tx { A => { @ } B => {} }› }"),
    (SYNC, "‹m()› as ‹tx› => { ‹first(tx); @› }"),
    (WITHIN, "(‹m()› as ‹tx›, ‹n()› as ‹(a, b)›) ‹async fn f(x: u8) -> u8 { first(tx); @ }›"),
];

/// Where a jump leads out of the body, which is therefore parsed.
const JUMPS: [(Macro, &str); 6] = [
    (ASYNC, "‹m()› as ‹tx› => { ‹if x {› break; ‹} @› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹if x()?.y {› break 'a ‹x &&y?› ‹} @› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹match tx { A => { @ } B =>› continue ‹, }› }"),
    (ASYNC, "‹m()› as ‹tx› => { ‹loop { if x { break } @ } if x {› break 'a ‹} › }"),
    (ASYNC, "‹m()› as ‹tx›, ‹n(tx)› as ‹y› => { ‹if x {› break; ‹} @› }"),
    (SYNC, "‹m()› as ‹tx› => async { ‹if x {› break; ‹} @› }"),
];

const IN_A_HEAD: [&str; 16] = [
    "po¦",
    "pool.¦",
    "pool.be¦",
    "pool.begin().¦",
    "pool.begin().await?.¦",
    "pool.¦.begin()",
    "pool.begin(pool.¦)",
    "pool.begin(a, ¦)",
    "pool.begin(&¦)",
    "*pool.¦",
    "Pool::¦",
    "Pool::<u8, u8>::¦",
    "Pool { a: ¦ }",
    "Pool { a: tx.¦ }",
    "from_fn(|| async { pool.¦ }, |a, b| c)",
    "match pool.¦ { A => a() }",
];

const HEADS: [(Macro, &str); 14] = [
    (ASYNC, "‹@› as ‹tx› => { ‹first(tx);› }"),
    (ASYNC, "‹@› => { ‹first();› }"),
    (ASYNC, "‹@› as ‹tx›, { ‹first(tx);› }"),
    (ASYNC, "‹@›, { ‹first(tx);› }"),
    (ASYNC, "‹@› as ‹tx›, ‹n(tx)› as ‹y› => { ‹first(tx);› }"),
    (ASYNC, "‹m(x as u8)› as ‹tx›, ‹@› as ‹y› => { ‹first(tx);› }"),
    (ASYNC, "‹m()› as ‹tx›, ‹@› as ‹y› => { ‹if x {› break 'a ‹tx; }› }"),
    (ASYNC, "‹m()› as ‹tx›, ‹@› => ‹first(tx)›"),
    (SYNC, "‹@› as ‹tx› => async { ‹first(tx);› }"),
    // There is no body yet.
    (ASYNC, "‹@›"),
    (ASYNC, "‹@› as ‹tx›"),
    (ASYNC, "‹m()› as ‹tx›, ‹@› =>"),
    (WITHIN, "(‹@› as ‹tx›) ‹async fn f() { first(tx); }›"),
    (WITHIN, "(‹m()› as ‹tx›, ‹@›) ‹async fn f() { first(tx); }›"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Macro {
    Block(Flavour),
    Within,
    Scoped,
}

const ASYNC: Macro = Macro::Block(Flavour::Async);
const SYNC: Macro = Macro::Block(Flavour::Sync);
const WITHIN: Macro = Macro::Within;
const SCOPED: Macro = Macro::Scoped;

/// The name that rust-analyzer puts in.
const NAME: &str = "raCompletionMarker";

#[test]
fn in_each_body() {
    check_each(&BODIES, &IN_A_BODY, "", 0);
}

#[test]
fn in_each_body_with_a_jump() {
    check_each(&JUMPS, &IN_A_BODY, "", 0);
    for after in AFTER {
        check_each(&JUMPS, &IN_A_BODY, after, 0);
    }
}

#[test]
fn in_a_body_that_is_an_expression() {
    let expressions: Vec<_> = IN_A_BODY.into_iter().filter(|typed| !typed.contains(['=', ';'])).collect();
    check_each(&[(ASYNC, "‹m()› as ‹tx› => ‹@›"), (SYNC, "‹m()› as ‹tx› => ‹@›")], &expressions, "", 0);
}

#[test]
fn in_each_head() {
    check_each(&HEADS, &IN_A_HEAD, "", 1);
}

#[test]
fn behind_a_number() {
    check_each(&BODIES[..1], &["tx.0.¦", "tx.0.¦;"], "", 0);
}

fn check_each(places: &[(Macro, &str)], ends: &[&str], after: &str, mistakes: usize) {
    let mut wrong = Vec::new();
    for &(called, place) in places {
        for typed in ends {
            let is_sync = called == SYNC && !place.contains("async");
            let awaits_there = is_sync && typed.contains("await");
            // Braces at the end are taken for the body.
            let is_body = place == "‹@›" && typed.ends_with('}');
            if !awaits_there && !is_body {
                wrong.extend(check(called, place, typed, after, mistakes).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(called: Macro, place: &str, typed: &str, after: &str, mistakes: usize) -> Result<(), String> {
    let input = Input::new(called, place, typed, "", after);
    let expansions = input.expansions();
    expansions.iter().try_for_each(|output| check_kept(&input, output, mistakes))?;
    let expansions: Vec<_> = expansions.into_iter().map(written).collect();
    let with_name = Input::new(called, place, typed, NAME, after).expansions();
    iter::zip(expansions, with_name)
        .try_for_each(|(output, with_name)| check_same(&input, &output, with_name))
}

fn check_kept(input: &Input, output: &TokenStream, mistakes: usize) -> Result<(), String> {
    let (of_the_user, kept) = (input.kept(&input.tokens()), input.kept(output));
    if of_the_user != kept {
        return Err(format!("{}: not kept as {of_the_user:?}, but as {kept:?}", input.text));
    }
    let (found, gaps) = (errors(output).len(), count(output, "something_is_missing_here"));
    if found > mistakes || found + gaps > 1 {
        return Err(format!("{}: {found} mistakes and {gaps} gaps", input.text));
    }
    if count(output, "__async_with_end_of_statement") > 0 {
        return Err(format!("{}: a statement is ended that is not", input.text));
    }
    Ok(())
}

fn check_same(input: &Input, output: &str, with_name: TokenStream) -> Result<(), String> {
    let with_name = written(with_name);
    let at = with_name.find(NAME).ok_or_else(|| format!("{}: the name is lost", input.text))?;
    let same = iter::zip(with_name.bytes(), output.bytes()).take_while(|(a, b)| a == b).count();
    if same < at {
        let same = (0..=same).rev().find(|at| output.is_char_boundary(*at)).unwrap_or(0);
        let short = |text: &str| text[same..].chars().take(150).collect::<String>();
        return Err(format!("{}:\n    …{}\n    …{}", input.text, short(output), short(&with_name[..at])));
    }
    Ok(())
}

struct Input {
    called: Macro,
    text: String,
    kept: Vec<Range<usize>>,
}

impl Input {
    fn new(called: Macro, place: &str, typed: &str, name: &str, after: &str) -> Self {
        let (before, behind) = typed.split_once('¦').expect("it is typed somewhere");
        let place = place.replace('@', &format!("{before}{name}{behind} {after}"));
        let (mut text, mut kept) = ("(::async_with) ".to_owned(), Vec::new());
        for (number, part) in place.split(['‹', '›']).enumerate() {
            let start = text.len();
            text.push_str(part);
            kept.extend((number % 2 == 1).then_some(start..text.len()));
        }
        Self { called, text, kept }
    }

    fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn expanded(&self) -> TokenStream {
        invalidate_current_thread_spans();
        match self.called {
            Macro::Block(flavour) => expand::invocation(flavour, self.tokens()),
            Macro::Within => {
                let mut trees = self.tokens().into_iter().skip(1);
                let Some(TokenTree::Group(head)) = trees.next() else {
                    unreachable!("the head is in parentheses")
                };
                within::attribute(head.stream(), trees.collect())
            }
            Macro::Scoped => {
                scoped::attribute(TokenStream::new(), self.tokens().into_iter().skip(1).collect())
            }
        }
    }

    /// An editor looks at each, and finds the next one in it.
    fn expansions(&self) -> Vec<TokenStream> {
        let output = self.expanded();
        if self.called == SCOPED { vec![with_rests(output.clone()), output] } else { vec![output] }
    }

    /// The tokens of the user's that are to be in the expansion, and where they have been written.
    fn kept(&self, tokens: &TokenStream) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        each(tokens, &mut |tree| {
            let (text, span) = (tree.to_string(), tree.span());
            let range = span.byte_range();
            let is_kept = self.kept.iter().any(|kept| kept.start <= range.start && range.end <= kept.end);
            if !matches!(tree, TokenTree::Group(_)) && is_kept && is_there(span, &text) {
                found.push((range.start, text));
            }
        });
        // A function is in the expansion before the head of its attribute, and a manager before the pattern of its `let`.
        if self.called == WITHIN || self.called == SCOPED {
            found.sort();
        }
        found
    }
}

/// Each `rest_impl!` in the tokens becomes what it expands to, and so do those in that.
fn with_rests(tokens: TokenStream) -> TokenStream {
    let mut output = Vec::new();
    let mut trees = tokens.into_iter();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(name) if name == "rest_impl" => {
                let Some(TokenTree::Group(input)) = trees.nth(1) else { unreachable!("it is called") };
                // The path in front, `::async_with::__private::`, stays, as a mark.
                output.extend(with_rests(scoped::rest(input.stream())));
            }
            TokenTree::Group(group) => {
                let mut filled = Group::new(group.delimiter(), with_rests(group.stream()));
                filled.set_span(group.span());
                output.push(filled.into());
            }
            other => output.push(other),
        }
    }
    output.into_iter().collect()
}

fn count(tokens: &TokenStream, name: &str) -> usize {
    let mut count = 0;
    each(tokens, &mut |tree| count += usize::from(matches!(tree, TokenTree::Ident(ident) if *ident == name)));
    count
}

/// The text that rust-analyzer makes of tokens: with no space where none is needed.
fn written(tokens: TokenStream) -> String {
    let mut text = String::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let next = trees.peek();
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                text = text + open + &written(group.stream()) + close;
            }
            TokenTree::Punct(punct) => {
                text.push(punct.as_char());
                let apart = punct.spacing() == Spacing::Alone && punct.as_char() != ';';
                if apart && matches!(next, Some(TokenTree::Punct(next)) if next.as_char() != '\'') {
                    text.push(' ');
                }
            }
            word => {
                text.push_str(&word.to_string());
                if matches!(next, Some(TokenTree::Ident(_) | TokenTree::Literal(_))) {
                    text.push(' ');
                }
            }
        }
    }
    text
}
