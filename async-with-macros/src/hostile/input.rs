//! Input that nobody would write, and input that somebody would, with mistakes.

use proc_macro2::Delimiter;
use proptest::prelude::*;
use proptest::sample::select;

use super::mutation::{cut, mutated};
use super::tree::Input;
use super::tree::Tree::{self, Group as G, Token as T};

/// More tokens than this are cut off.
pub(super) const MOST: usize = 400;

fn paren(inside: Vec<Tree>) -> Tree {
    G(Delimiter::Parenthesis, inside)
}

fn brace(inside: Vec<Tree>) -> Tree {
    G(Delimiter::Brace, inside)
}

/// Any token.
pub(super) fn token() -> impl Strategy<Value = Tree> {
    let words = select(vec![
        "as",
        "break",
        "continue",
        "return",
        "match",
        "if",
        "else",
        "loop",
        "while",
        "for",
        "in",
        "async",
        "await",
        "move",
        "let",
        "mut",
        "ref",
        "fn",
        "const",
        "static",
        "unsafe",
        "pub",
        "struct",
        "impl",
        "dyn",
        "use",
        "where",
        "crate",
        "self",
        "Self",
        "super",
        "extern",
        "type",
        "union",
        "default",
        "true",
        "_",
        "biased",
        "select",
        "async_with",
        "with",
        "tokio",
        "within",
        "scoped",
        "enter",
        "r#as",
        "r#break",
    ]);
    let names = select(vec!["manager", "name", "x", "y", "Type", "f"]);
    let marks = select(vec![
        "=>", ",", ";", "=", "==", "->", "<", ">", "<=", ">=", "::", ":", ".", "..", "..=", "...", "?", "!",
        "&", "&&", "|", "||", "#", "$", "@", "~", "^", "%", "+", "-", "*", "/", "+=", "<<", ">>=", "<-",
    ]);
    let others =
        select(vec!["'a", "'outer", "'static", "1", "1.5", "1u8", "\"text\"", "'c'", "b\"x\"", "r#\"y\"#"]);
    prop_oneof![3 => words, 2 => names, 4 => marks, 1 => others].prop_map(T)
}

pub(super) fn delimiter() -> impl Strategy<Value = Delimiter> {
    select(vec![Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None])
}

/// Any tokens.
fn soup() -> impl Strategy<Value = Vec<Tree>> {
    let tree = token().prop_recursive(5, 64, 6, |tree| {
        let group = (delimiter(), prop::collection::vec(tree.clone(), 0..8))
            .prop_map(|(delimiter, inside)| G(delimiter, inside));
        prop_oneof![2 => tree, 3 => group]
    });
    let call =
        (select(vec!["async_with", "with", "select", "println"]), prop::collection::vec(tree.clone(), 0..8))
            .prop_map(|(name, inside)| vec![T(name), T("!"), paren(inside)]);
    let piece = prop_oneof![9 => tree.prop_map(|tree| vec![tree]), 1 => call];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// What stands for a part of a template.
type Trees = Vec<Tree>;

/// Patterns that may follow `as`.
fn pattern() -> impl Strategy<Value = Trees> {
    let simple = select(vec!["name", "_", "x", "y"]).prop_map(|name| vec![T(name)]);
    simple.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            Just(vec![T("mut"), T("name")]),
            Just(vec![T("ref"), T("name")]),
            Just(vec![T("1"), T("..")]),
            Just(vec![T("Type"), T("::"), T("<"), T("x"), T(">")]),
            inner.clone().prop_map(|inner| [vec![T("&")], inner].concat()),
            inner.clone().prop_map(|inner| vec![G(Delimiter::None, inner)]),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| vec![paren([a, vec![T(",")], b].concat())]),
            inner
                .clone()
                .prop_map(|inner| vec![G(Delimiter::Bracket, [inner, vec![T(","), T("..")]].concat())]),
            inner.prop_map(|inner| vec![
                T("Type"),
                brace([vec![T("x"), T(":")], inner, vec![T(","), T("..")]].concat())
            ]),
        ]
    })
}

/// The head of a call, up to the body.
fn items(expr: impl Strategy<Value = Trees> + Clone) -> impl Strategy<Value = Trees> {
    let item = (expr, prop::option::of(pattern())).prop_map(|(manager, pattern)| match pattern {
        Some(pattern) => [manager, vec![T("as")], pattern].concat(),
        None => manager,
    });
    (prop::collection::vec(item, 1..4), any::<bool>()).prop_map(|(items, comma)| {
        let mut head = items.join(&T(","));
        head.extend(comma.then_some(T(",")));
        head
    })
}

/// What is between the delimiters of a call.
fn call(expr: impl Strategy<Value = Trees> + Clone) -> impl Strategy<Value = Trees> {
    (items(expr.clone()), expr, 0..4).prop_map(|(head, body, form)| match form {
        0 => [head, vec![T("=>")], body].concat(),
        1 => [head, vec![T("=>"), T("async"), brace(body)]].concat(),
        2 => [head.into_iter().chain([T(",")]).collect(), vec![brace(body)]].concat(),
        _ => [head, vec![T("=>"), brace(body)]].concat(),
    })
}

/// Expressions, and statements where they fit.
fn expr() -> impl Strategy<Value = Trees> + Clone {
    let simple = select(vec![
        vec![T("x")],
        vec![T("self")],
        vec![T("1")],
        vec![T("\"text\"")],
        vec![T("break")],
        vec![T("continue")],
        vec![T("break"), T("'outer")],
        vec![T("continue"), T("'outer")],
        vec![T("break"), T("'a"), T("x")],
        vec![T("return")],
        vec![T("return"), T("x"), T("?")],
        vec![T("f"), paren(vec![])],
        vec![T(".."), T("x")],
        vec![T("x"), T("..")],
        vec![T("Type"), brace(vec![T("x"), T(","), T(".."), T("y")])],
    ]);
    simple.prop_recursive(6, 48, 4, |inner| {
        let e = || inner.clone();
        prop_oneof![
            e().prop_map(|a| vec![paren(a)]),
            e().prop_map(|a| vec![brace(a)]),
            e().prop_map(|a| vec![G(Delimiter::None, a)]),
            e().prop_map(|a| [vec![T("break")], a].concat()),
            e().prop_map(|a| [vec![T("&")], a].concat()),
            e().prop_map(|a| [a, vec![T("?")]].concat()),
            e().prop_map(|a| [a, vec![T("."), T("await")]].concat()),
            e().prop_map(|a| [a, vec![T("."), T("f"), paren(vec![])]].concat()),
            e().prop_map(|a| [a, vec![T("as"), T("Type")]].concat()),
            e().prop_map(|a| [vec![T("|"), T("x"), T("|")], a].concat()),
            e().prop_map(|a| vec![T("async"), T("move"), brace(a)]),
            e().prop_map(|a| vec![T("loop"), brace(a)]),
            e().prop_map(|a| vec![T("'outer"), T(":"), T("loop"), brace(a)]),
            e().prop_map(|a| vec![T("'a"), T(":"), brace(a)]),
            e().prop_map(|a| vec![T("println"), T("!"), paren([vec![T("\"{}\""), T(",")], a].concat())]),
            (e(), e()).prop_map(|(a, b)| [a, vec![T("+")], b].concat()),
            (e(), e()).prop_map(|(a, b)| [a, vec![T("=")], b].concat()),
            (e(), e()).prop_map(|(a, b)| [a, vec![T(";")], b].concat()),
            (e(), e()).prop_map(|(a, b)| vec![T("f"), paren([a, vec![T(",")], b].concat())]),
            (e(), e()).prop_map(|(a, b)| [vec![T("if")], a, vec![brace(b)]].concat()),
            (e(), e()).prop_map(|(a, b)| [vec![T("while")], a, vec![brace(b)]].concat()),
            (e(), e()).prop_map(|(a, b)| [vec![T("for"), T("_"), T("in")], a, vec![brace(b)]].concat()),
            (e(), e()).prop_map(|(a, b)| [
                vec![T("match")],
                a,
                vec![brace([vec![T("_"), T("=>")], b].concat())]
            ]
            .concat()),
            (e(), e()).prop_map(|(a, b)| vec![brace(
                [vec![T("let"), T("y"), T("=")], a, vec![T("else"), brace(b), T(";")]].concat()
            )]),
            (e(), e()).prop_map(|(a, b)| vec![brace(
                [
                    vec![T("#"), G(Delimiter::Bracket, vec![T("cfg"), paren(vec![T("y")])])],
                    a,
                    vec![T(";")],
                    b
                ]
                .concat()
            )]),
            (e(), e()).prop_map(|(a, b)| {
                let arms = [vec![T("_"), T("=")], a, vec![T("=>")], b].concat();
                vec![T("tokio"), T("::"), T("select"), T("!"), brace(arms)]
            }),
            (select(vec!["async_with", "with"]), call(e())).prop_map(|(name, inside)| vec![
                T(name),
                T("!"),
                paren(inside)
            ]),
            (select(vec!["async_with", "with"]), call(e()), e()).prop_map(|(name, inside, b)| [
                vec![T(name), T("!"), brace(inside)],
                b
            ]
            .concat()),
        ]
    })
}

/// The input of `async_with!` and `with!`.
pub(super) fn of_a_block() -> impl Strategy<Value = Input> {
    prop_oneof![
        1 => soup().prop_map(|trees| Input(cut(trees, &mut MOST.clone()))),
        3 => mutated(call(expr()), call(expr())),
    ]
}

/// A function, or something else that an attribute may stand on.
fn item() -> impl Strategy<Value = Trees> {
    let attribute = |inside: Trees| vec![T("#"), G(Delimiter::Bracket, inside)];
    let lower = items(expr()).prop_map(move |head| attribute(vec![T("within"), paren(head)]));
    let other =
        select(vec![vec![], vec![T("#"), G(Delimiter::Bracket, vec![T("cfg"), paren(vec![T("y")])])]]);
    let before = select(vec![
        vec![T("async")],
        vec![T("pub"), T("async")],
        vec![T("pub"), paren(vec![T("crate")]), T("async")],
        vec![G(Delimiter::None, vec![T("pub")]), T("async"), T("unsafe")],
        vec![T("const")],
        vec![T("extern"), T("\"C\"")],
        vec![],
    ]);
    let output = select(vec![
        vec![],
        vec![T("->"), T("Type"), T("<"), T("x"), T(">")],
        vec![T("where"), T("Type"), T(":"), T("x"), T(",")],
    ]);
    let body = (select(vec![0, 1, 2]), expr()).prop_map(|(form, body)| match form {
        0 => vec![T("#"), T("!"), G(Delimiter::Bracket, vec![T("allow"), paren(vec![])]), brace(body)],
        1 => vec![T("Box"), T("::"), T("pin"), paren(vec![T("async"), T("move"), brace(body)])],
        _ => body,
    });
    let function = (prop::option::of(lower), other, before, output, body).prop_map(
        |(lower, other, before, output, body)| {
            let name = vec![T("fn"), T("f"), paren(vec![T("self"), T(","), T("x"), T(":"), T("Type")])];
            [lower.unwrap_or_default(), other, before, name, output, vec![brace(body)]].concat()
        },
    );
    let others = select(vec![
        vec![T("struct"), T("Type"), T(";")],
        vec![T("impl"), T("Type"), brace(vec![])],
        vec![T("x"), T("+"), T("y")],
        vec![T("fn"), T("f"), paren(vec![]), T(";")],
        vec![T("let"), T("x"), T("="), T("y"), T(";")],
    ]);
    prop_oneof![8 => function, 1 => others]
}

/// Statements of which some are to be entered.
fn statements() -> impl Strategy<Value = Trees> {
    let attribute = |inside: Trees| vec![T("#"), G(Delimiter::Bracket, inside)];
    let before = select(vec![
        vec![attribute(vec![T("enter")])],
        vec![attribute(vec![T("a"), T("::"), T("enter")])],
        vec![attribute(vec![T("allow"), paren(vec![])]), attribute(vec![T("enter")])],
        vec![attribute(vec![T("enter")]), attribute(vec![T("cfg"), paren(vec![T("y")])])],
        vec![attribute(vec![T("enter"), paren(vec![])])],
        vec![],
    ]);
    let r#type = select(vec![vec![], vec![T(":"), T("Type"), T("<"), T("x"), T("="), T("y"), T(">")]]);
    let end = select(vec![vec![T(";")], vec![T("else"), brace(vec![T("return")]), T(";")], vec![]]);
    let r#let = (before, pattern(), r#type, prop::option::of(expr()), end).prop_map(
        |(before, pattern, r#type, manager, end)| {
            let manager = manager.map(|manager| [vec![T("=")], manager].concat()).unwrap_or_default();
            [before.concat(), vec![T("let")], pattern, r#type, manager, end].concat()
        },
    );
    let statement =
        prop_oneof![4 => r#let, 1 => expr().prop_map(|expr| [expr, vec![T(";")]].concat()), 1 => expr()];
    let statements = prop::collection::vec(statement, 0..4).prop_map(|statements| statements.concat());
    statements.prop_recursive(3, 32, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| [vec![brace(a)], b].concat()),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| [vec![T("loop"), brace(a)], b].concat()),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| [vec![T("|"), T("|"), brace(a), T(";")], b].concat()),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| [vec![T("async"), brace(a), T(";")], b].concat()),
            (inner.clone(), inner).prop_map(|(a, b)| [
                vec![T("async_with"), T("!"), paren(vec![T("x"), T("=>"), brace(a)]), T(";")],
                b
            ]
            .concat()),
        ]
    })
}

/// What is in the parentheses of `#[scoped(…)]`, and what it stands on.
pub(super) fn of_a_scoped_function() -> impl Strategy<Value = (Input, Input)> {
    let head =
        select(vec![vec![], vec![T("crate"), T("="), T("x"), T("::"), T("y")], vec![T("crate"), T("=")]]);
    let before = select(vec![vec![T("async")], vec![]]);
    let function = (before, statements()).prop_map(|(before, body)| {
        let name = vec![T("fn"), T("f"), paren(vec![T("x"), T(":"), T("Type")])];
        [before, name, vec![brace(body)]].concat()
    });
    let function = function.boxed();
    (mutated(head.clone(), head), mutated(function.clone(), function))
}

/// What is in the parentheses of `#[within(…)]`, and what it stands on.
pub(super) fn of_an_attribute() -> impl Strategy<Value = (Input, Input)> {
    let facade = select(vec![
        vec![],
        vec![T("crate"), T("="), T("x"), T("::"), T("y"), T(",")],
        vec![T("crate"), T("="), T(",")],
    ]);
    let head = (facade, items(expr())).prop_map(|(facade, items)| [facade, items].concat()).boxed();
    (mutated(head.clone(), head), mutated(item(), item()))
}
