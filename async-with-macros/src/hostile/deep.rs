//! Input that is nested deeply.

use std::thread;

use proc_macro2::TokenStream;

use super::{errors, nested_blocks, size};
use crate::parse::Flavour;
use crate::tokens::DEEPEST;
use crate::{expand, within};

/// What the compiler gives the thread that macros run in, and so does rust-analyzer.
const STACK: usize = 8 << 20;

fn on_the_compilers_stack(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

fn expanded(flavour: Flavour, text: &str) -> TokenStream {
    expand::invocation(flavour, super::tree::tokens(&format!("{}{text}", super::FACADE)))
}

/// One thing in another, so many times.
fn nest(depth: usize, [before, after]: [&str; 2], inside: &str) -> String {
    format!("{}{inside}{}", before.repeat(depth), after.repeat(depth))
}

/// Each has its own way through a parser.
const SHAPES: [[&str; 2]; 12] = [
    ["(", ")"],
    ["[", "]"],
    ["{", "}"],
    ["__invisible(", ")"],
    ["f(", ")"],
    ["x[", "]"],
    ["|x| {", "}"],
    ["async {", "}"],
    ["loop {", "}"],
    ["if x {", "}"],
    ["match x { _ => {", "} }"],
    ["Type { x: ", "}"],
];

#[test]
fn groups_in_groups_do_not_exhaust_the_stack() {
    on_the_compilers_stack(|| {
        for shape in SHAPES {
            for depth in [100, 200, 1_000] {
                let (deep, jump) = (nest(depth, shape, "x"), nest(depth, shape, "break"));
                // Where it is left alone, where it is parsed because of the `break`, and where it has to be parsed.
                for text in [
                    format!("manager => {deep}"),
                    format!("manager => {{ {jump} }}"),
                    format!("manager => {{ {jump} }} again"),
                    format!("manager, {deep} as name => {{ }}"),
                    format!("manager as {deep} => {{ }}"),
                    format!("{deep} {{ }}"),
                ] {
                    for flavour in [Flavour::Async, Flavour::Sync] {
                        drop(expanded(flavour, &text));
                    }
                    let head = super::tree::tokens(&text);
                    let function = format!("async fn f() {{ {jump} }}").parse().unwrap();
                    drop(within::attribute(head, function));
                }
            }
        }
    });
}

/// With less it is an expression like any other.
#[test]
fn a_head_that_is_too_deep_is_a_mistake() {
    on_the_compilers_stack(|| {
        let head = |depth| expanded(Flavour::Async, &format!("{} => {{}}", nest(depth, ["(", ")"], "x")));
        assert_eq!(errors(&head(DEEPEST)), []);
        assert_eq!(errors(&head(DEEPEST + 1)).len(), 1);
    });
}

/// A body that is too deep is as the user has written it: nothing refuses it.
#[test]
fn a_body_that_is_too_deep_is_left_alone() {
    on_the_compilers_stack(|| {
        let output = expanded(Flavour::Async, &format!("m => {{ {} }}", nest(1_000, ["(", ")"], "break")));
        assert_eq!(errors(&output), []);
        assert!(output.to_string().contains("(break)"));
    });
}

/// Twice as many more make twice as much more of an expansion, in which each is looked at once.
fn check_linear(around: [&str; 2], inside: &str, blocks_each: usize) {
    let measured = [10, 20, 30].map(|depth| {
        let output = expanded(Flavour::Async, &nest(depth, around, inside));
        assert_eq!(errors(&output), []);
        assert_eq!(nested_blocks(&output), depth * blocks_each, "{around:?}, {depth}");
        size(&output)
    });
    assert_eq!(measured[2] - measured[1], measured[1] - measured[0], "{around:?}");
}

#[test]
fn blocks_in_blocks_are_expanded_once() {
    on_the_compilers_stack(|| {
        let around = ["manager as name => { async_with!(", "); }"];
        // Nothing in them needs to be looked at; a jump leads out of all; or out of none.
        check_linear(around, "manager => { name }", 0);
        check_linear(around, "manager => { break 'outer }", 1);
        check_linear(around, "manager => { loop { break } }", 1);
        // Out of every other one, in whose expansion the next one stands.
        let around = ["m => { if x { break } async_with!(m => { loop { async_with!(", ") } }); }"];
        check_linear(around, "m => { break }", 2);
        // In a head, where the body around them is that of the item before.
        check_linear(["manager, async_with!(", ") => {}"], "manager => { break 'outer }", 1);
    });
}

#[test]
fn a_hundred_blocks_in_blocks() {
    on_the_compilers_stack(|| {
        for name in ["async_with", "with"] {
            let text =
                nest(100, [&format!("manager as name => {{ {name}!("), "); }"], "manager => { break }");
            assert_eq!(nested_blocks(&expanded(Flavour::Async, &text)), 100);
            assert_eq!(nested_blocks(&expanded(Flavour::Sync, &text.replace("async_with", "with"))), 100);
        }
    });
}
