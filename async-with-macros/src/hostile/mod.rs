//! The macros on input of every kind: they neither panic nor hang, say where a mistake is, and what they make can be parsed.
//!
//! `PROPTEST_CASES=100000 cargo test -p async-with-macros --release hostile` runs longer.

mod deep;
mod input;
mod mutation;
mod tree;

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;

use proc_macro2::extra::invalidate_current_thread_spans;
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};
use syn::Expr;

use crate::parse::{self, Flavour};
use crate::{expand, scoped, within};

fn config() -> ProptestConfig {
    let from_environment = ProptestConfig::default();
    ProptestConfig {
        cases: if env::var_os("PROPTEST_CASES").is_some() { from_environment.cases } else { 500 },
        rng_seed: match from_environment.rng_seed {
            RngSeed::Random => RngSeed::Fixed(20_260_000),
            given @ RngSeed::Fixed(_) => given,
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("src/hostile/regressions"))),
        ..from_environment
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn async_with(input in input::of_a_block()) {
        check_block(Flavour::Async, &input.to_string());
    }

    #[test]
    fn with(input in input::of_a_block()) {
        check_block(Flavour::Sync, &input.to_string());
    }

    #[test]
    fn within_a_function((head, item) in input::of_an_attribute()) {
        check_within(&head.to_string(), &item.to_string());
    }

    #[test]
    fn scoped_functions((head, item) in input::of_a_scoped_function()) {
        check_scoped(&head.to_string(), &item.to_string());
    }
}

/// What has once gone wrong, or nearly.
#[test]
fn known_faults() {
    for text in [
        // No item, but a comma after it.
        ", { }",
        // What `syn` parses ends in the middle of a group.
        "__invisible(manager) __invisible(= crate break 'a)",
        "manager as __invisible(name, other) => { }",
        "manager __invisible(, other) => { }",
        // The mistake is at the end.
        "manager + => { }",
        "manager as => { }",
        // What stands at a jump.
        "manager => { #[cfg(y)] break; #[cfg(y)] continue 'outer; #[cfg(y)] async_with!(x => { break }); }",
        // The end of a pattern that could become one with what follows.
        "manager as 1.., { }",
        "manager as 1..=> { }",
        "manager as &_=> { }",
    ] {
        check_block(Flavour::Async, text);
        check_block(Flavour::Sync, text);
    }
    check_scoped("", "async fn f() { a | #[enter] let x = || { #[enter] let y = m; } }");
    check_within("crate = x", "async fn f() { }");
    check_within("manager +", "async fn f() { }");
    check_within("manager", "#[within()] async fn f() { }");
}

/// What the shims put in front.
const FACADE: &str = "(::async_with) ";

fn check_block(flavour: Flavour, text: &str) {
    // Nothing is left of the inputs before this one, of which there are many.
    invalidate_current_thread_spans();
    let all = tree::tokens(&format!("{FACADE}{text}"));
    let input: TokenStream = all.clone().into_iter().skip(1).collect();
    let output = expand::invocation(flavour, all);
    check_work(&input, &output);
    let kept = match parse::invocation(flavour, input.clone()) {
        Ok(invocation) => {
            // There is no mistake, but that a body may be missing.
            match *errors(&output) {
                [] => {}
                [_] => check_places(&input, &output, FACADE.len()),
                _ => panic!("there is more than one mistake: {output}"),
            }
            let items =
                invocation.items.into_iter().flat_map(|item| [Some(item.manager), item.pattern]).flatten();
            let body = invocation.body.tokens;
            check_parses(&output, &body, |output| syn::parse2::<Expr>(output).map(drop));
            items.chain([body]).collect()
        }
        Err(mistakes) => {
            if !input.is_empty() {
                check_places(&input, &output, FACADE.len());
            }
            check_parses(&output, &mistakes.body, |output| syn::parse2::<Expr>(output).map(drop));
            mistakes.body
        }
    };
    check_kept(&kept, &output);
}

fn check_within(head: &str, item: &str) {
    let Some(Expanded { all, has_head, item, output }) = expanded(within::attribute, head, item) else {
        return;
    };
    if errors(&output).is_empty() {
        assert!(
            output.to_string().contains("__async_with_manager"),
            "neither a block nor a mistake: {output}"
        );
        check_kept(&item, &output);
    } else if has_head {
        check_places(&all, &output, 0);
    }
}

fn check_scoped(head: &str, item: &str) {
    let Some(Expanded { all, item, output, .. }) = expanded(scoped::attribute, head, item) else { return };
    if errors(&output).is_empty() {
        check_kept(&item, &output);
    } else {
        check_places(&all, &output, 0);
    }
    check_rests(&output);
}

/// What an attribute has made of an item.
struct Expanded {
    all: TokenStream,
    has_head: bool,
    item: TokenStream,
    output: TokenStream,
}

/// `None` if there is no item: the compiler sees to it that an attribute stands on something.
fn expanded(
    attribute: fn(TokenStream, TokenStream) -> TokenStream,
    head: &str,
    item: &str,
) -> Option<Expanded> {
    invalidate_current_thread_spans();
    let all = tree::tokens(&format!("({head}) {item}"));
    let mut trees = all.clone().into_iter();
    let Some(TokenTree::Group(head)) = trees.next() else { unreachable!("the head is in parentheses") };
    let item: TokenStream = trees.collect();
    if is_nothing(item.clone()) {
        return None;
    }
    let output = attribute(head.stream(), item.clone());
    check_work(&all, &output);
    let parses = !has_odd_group(&item) && syn::parse2::<syn::Item>(item.clone()).is_ok();
    if parses {
        if let Err(error) = syn::parse2::<syn::File>(output.clone()) {
            panic!("{error}: {output}");
        }
    }
    Some(Expanded { all, has_head: !head.stream().is_empty(), item, output })
}

/// What stands for the rest of a block is expanded in turn, as the compiler does it.
fn check_rests(tokens: &TokenStream) {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    for at in 0..trees.len() {
        match &trees[at..] {
            [TokenTree::Ident(name), _, TokenTree::Group(input), ..] if *name == "rest_impl" => {
                let output = scoped::rest(input.stream());
                check_work(&input.stream(), &output);
                check_rests(&output);
            }
            [TokenTree::Group(group), ..] => check_rests(&group.stream()),
            _ => {}
        }
    }
}

/// Whether there are only attributes.
fn is_nothing(item: TokenStream) -> bool {
    item.into_iter().all(|tree| match tree {
        TokenTree::Punct(punct) => punct.as_char() == '#',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Bracket,
        _ => false,
    })
}

/// Whether invisible delimiters are where no `macro_rules!` puts them: around another part of the item than a whole
/// visibility. `syn` looks through them.
fn has_odd_group(item: &TokenStream) -> bool {
    let trees: Vec<_> = item.clone().into_iter().collect();
    (0..trees.len()).any(|at| match &trees[at..] {
        [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::None => {
            let is_visibility = group.stream().to_string().starts_with("pub");
            !is_visibility || !matches!(rest, [TokenTree::Ident(_), ..])
        }
        _ => false,
    })
}

/// What is expanded can be parsed, if that holds for the user's part.
fn check_parses(output: &TokenStream, body: &TokenStream, parse: impl Fn(TokenStream) -> syn::Result<()>) {
    let parses = body.is_empty() || syn::parse2::<Expr>(body.clone()).is_ok();
    if parses {
        if let Err(error) = parse(output.clone()) {
            panic!("{error}: {output}");
        }
    }
}

/// Every mistake is one at a token of the user's. Where there is none, the whole is the mistake.
fn check_places(input: &TokenStream, output: &TokenStream, start: usize) {
    let errors = errors(output);
    assert!(!errors.is_empty(), "no mistake is reported: {output}");
    let length = input.clone().into_iter().last().map_or(0, |last| last.span().byte_range().end);
    for place in errors {
        assert!(
            start <= place.start && place.start < place.end && place.end <= length,
            "{place:?}: {output}"
        );
    }
}

pub(crate) fn each(tokens: &TokenStream, see: &mut dyn FnMut(&TokenTree)) {
    for tree in tokens.clone() {
        see(&tree);
        if let TokenTree::Group(group) = &tree {
            each(&group.stream(), see);
        }
    }
}

/// Where the mistakes are.
pub(crate) fn errors(output: &TokenStream) -> Vec<Range<usize>> {
    let mut errors = Vec::new();
    each(output, &mut |tree| {
        if matches!(tree, TokenTree::Ident(ident) if *ident == "compile_error") {
            errors.push(tree.span().byte_range());
        }
    });
    errors
}

/// How often each name and literal of the user's is there.
fn of_the_user(tokens: &TokenStream) -> BTreeMap<(usize, String), usize> {
    let mut found = BTreeMap::new();
    each(tokens, &mut |tree| {
        if let TokenTree::Ident(_) | TokenTree::Literal(_) = tree {
            let (text, span) = (tree.to_string(), tree.span());
            // What is ours and stands at a token of the user's has another text.
            if is_there(span, &text) {
                *found.entry((span.byte_range().start, text)).or_default() += 1;
            }
        }
    });
    found
}

pub(crate) fn is_there(span: Span, text: &str) -> bool {
    !span.byte_range().is_empty() && span.source_text().is_some_and(|source| source == text)
}

/// Words that the expansion of a jump, of a nested block or of an attribute takes the place of.
const REPLACED: [&str; 12] = [
    "break",
    "continue",
    "outer",
    "a",
    "as",
    "async",
    "async_with",
    "with",
    "within",
    "scoped",
    "enter",
    "let",
];

/// Nothing that the user has written is lost, and nothing is there twice.
fn check_kept(input: &TokenStream, output: &TokenStream) {
    let output_has = of_the_user(output);
    for ((at, text), times) in of_the_user(input) {
        assert_eq!(times, 1, "the test is wrong");
        let times = output_has.get(&(at, text.clone())).copied().unwrap_or(0);
        // Ours may stand where the user has the same word.
        let ours_too = times > 1 && text == "mut";
        if !REPLACED.contains(&&*text) {
            assert!(times == 1 || ours_too, "{times} times `{text}` at {at}: {output}");
        }
    }
}

fn size(tokens: &TokenStream) -> usize {
    let mut size = 0;
    each(tokens, &mut |_tree| size += 1);
    size
}

/// The most tokens that one token of the input may become.
const GROWTH: usize = 300;

/// The expansion grows with the input, and blocks in blocks are looked at once.
fn check_work(input: &TokenStream, output: &TokenStream) {
    let (before, after) = (size(input), size(output));
    // An arrow and a body may be missing.
    assert!(after <= GROWTH * (before + 3), "{before} tokens have become {after}");
    let mut blocks = 0;
    each(input, &mut |tree| {
        blocks += usize::from(
            matches!(tree, TokenTree::Ident(ident) if ["async_with", "with", "enter", "rest_impl"].iter().any(|name| ident == name)),
        );
    });
    assert!(nested_blocks(output) <= blocks, "{blocks} blocks were expanded {} times", nested_blocks(output));
}

/// How many blocks in the body were expanded. After all of them the name of this local is made, in which they are counted.
fn nested_blocks(output: &TokenStream) -> usize {
    let mut count = None;
    each(output, &mut |tree| {
        if let TokenTree::Ident(ident) = tree {
            let number = ident.to_string().strip_prefix("__async_with_returns").map(|number| {
                number.strip_prefix('_').map_or(0, |number| number.parse().expect("it is a number"))
            });
            count = count.or(number);
        }
    });
    count.unwrap_or(0)
}
