//! What the macros expand to. Refresh with `UPDATE_EXPECT=1 cargo test -p async-with-macros`, then read the diff.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![allow(clippy::too_many_lines, reason = "the expansions are long")]

mod blocks;
mod mistakes;
mod scoped;
mod several;
mod synchronous;
mod within;

use expect_test::Expect;
use proc_macro2::{Group, TokenStream, TokenTree};

use crate::expand;
use crate::parse::Flavour;
use crate::tokens::{is_ident, is_punct};

#[track_caller]
fn check(flavour: Flavour, input: &str, expected: &Expect) {
    let input: TokenStream = format!("(::async_with) {input}").parse().unwrap();
    let output = shortened(expand::invocation(flavour, input));
    let file = syn::parse2(quote::quote!(fn expansion() { #output })).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[track_caller]
fn check_attribute(head: &str, item: &str, expected: &Expect) {
    let output = shortened(crate::within::attribute(head.parse().unwrap(), item.parse().unwrap()));
    expected.assert_eq(&prettyplease::unparse(&syn::parse2(output).unwrap()));
}

#[track_caller]
fn check_scoped(item: &str, expected: &Expect) {
    let output = shortened(crate::scoped::attribute(TokenStream::new(), item.parse().unwrap()));
    expected.assert_eq(&prettyplease::unparse(&syn::parse2(output).unwrap()));
}

#[track_caller]
fn check_rest(place: &str, expected: &Expect) {
    let input =
        format!("(::async_with) {place} (#[allow(unused)]) (name) (manager()) {{ use_it(name); value }}");
    let output = shortened(crate::scoped::rest(input.parse().unwrap()));
    let file = syn::parse2(quote::quote!(fn expansion() { #output })).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// For reading: without the path in front of our names, and with `pin!` as a function, whose argument is then formatted.
fn shortened(tokens: TokenStream) -> TokenStream {
    let mut output: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        let pin = output.last().is_some_and(|last| is_ident(last, "pin"));
        match tree {
            TokenTree::Group(group) => {
                output.push(Group::new(group.delimiter(), shortened(group.stream())).into());
            }
            bang if pin && is_punct(&bang, '!') => {}
            tree => output.push(tree),
        }
        if let [.., a, b, _name, c, d, private, e, f] = &*output {
            let colons = [a, b, c, d, e, f].iter().all(|tree| is_punct(tree, ':'));
            if colons && is_ident(private, "__private") {
                output.truncate(output.len() - 8);
            }
        }
    }
    output.into_iter().collect()
}

#[test]
fn a_body_that_does_not_parse_is_kept() {
    for head in ["m as x", "m as x as", ""] {
        let output =
            crate::within::attribute(head.parse().unwrap(), "async fn f() { let y = x. }".parse().unwrap());
        assert!(output.to_string().contains("let y = x ."), "{output}");
    }
    let scoped = "async fn f() { #[enter] let x = m. ; let y = x. }".parse().unwrap();
    let output = crate::scoped::attribute(TokenStream::new(), scoped).to_string();
    let missing = "something_is_missing_here";
    assert!(output.contains(&format!("(x) (m . {missing}) {{ let y = x . {missing} }}")), "{output}");
}
