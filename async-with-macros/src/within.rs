//! The attribute `#[within(item, …)]`, with which the body of a function is the block.
//!
//! ```text
//! // Input:
//! #[within(manager as name)]
//! async fn function(parameters) -> Type { body }
//!
//! // Output:
//! async fn function(parameters) -> Type { async_with!(manager as name => { body }), as what the function returns }
//! ```

use proc_macro2::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Path;
use syn::parse::Parser;

use crate::expand::{Expander, ours};
use crate::function::{Function, take_attributes};
use crate::mistakes::Mistakes;
use crate::parse::{self, Item};
use crate::tokens::{arrow, is_ident, is_punct, stream};

/// What stands in the parentheses.
struct Head {
    /// The path of the facade: an attribute has no shim that would know it.
    facade: Option<TokenStream>,
    items: Vec<Item>,
}

pub(crate) fn attribute(head: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut trees: Vec<_> = item.into_iter().collect();
    let Head { mut facade, mut items } = Head::parse(head, Span::call_site(), &mut mistakes);
    // The upper one is the outer one, as in Python. Left to itself, the lower one would expand around the upper one.
    let is_ours = |path: &[TokenTree], head: &TokenTree| is_this_attribute(path, head, facade.as_ref());
    for lower in take_attributes(&mut trees, is_ours) {
        let lower = Head::parse(lower.stream(), lower.span_close(), &mut mistakes);
        facade = facade.or(lower.facade);
        items.extend(lower.items);
    }
    let Some(function) = Function::parse("within", &trees, &mut mistakes) else {
        return mistakes.expand_around(stream(&trees));
    };
    if !mistakes.is_empty() {
        mistakes.body = function.body.clone();
        return function.with_body(mistakes.expand_in_function());
    }
    // A path that the user gives is looked up once, so that one which leads nowhere is one mistake, shown there.
    let import = facade.map(|path| {
        let span = path.clone().into_iter().last().map_or_else(Span::call_site, |last| last.span());
        quote_spanned!(span=> use #path as __async_with;)
    });
    let facade = if import.is_some() { ours!(__async_with) } else { ours!(::async_with) };
    let body = Expander::new(&facade).function(items, &function.body);
    function.with_body(ours!(#import #body))
}

impl Head {
    /// `end` is what to show when there is nothing.
    fn parse(head: TokenStream, end: Span, mistakes: &mut Mistakes) -> Self {
        let mut trees: Vec<_> = head.into_iter().collect();
        let end = trees.last().map_or(end, TokenTree::span);
        let facade = facade(&mut trees, mistakes);
        if let Some(at) = arrow(&trees) {
            mistakes.add(trees[at].span(), "the body is that of the function: remove `=>` and what follows");
            trees.truncate(at);
        } else if trees.is_empty() && mistakes.is_empty() {
            mistakes.add(end, "a context manager is missing: write `#[within(manager as name)]`");
        }
        let items = parse::items(&trees, "`as name` or a comma", mistakes);
        Self { facade, items }
    }
}

/// Cuts off `crate = path`.
fn facade(head: &mut Vec<TokenTree>, mistakes: &mut Mistakes) -> Option<TokenStream> {
    let is_equals = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '=' && punct.spacing() == Spacing::Alone);
    let at = head.iter().enumerate().position(|(at, tree)| {
        is_ident(tree, "crate")
            && match head.get(at + 1) {
                Some(next) => is_equals(next) || (at == 0 && !is_punct(next, ':')),
                None => at == 0,
            }
    })?;
    let length = head[at..].iter().position(|tree| is_punct(tree, ',')).unwrap_or(head.len() - at);
    let cut: Vec<_> = head.drain(at..head.len().min(at + length + 1)).take(length).collect();
    if at > 0 {
        mistakes.at(&cut[0], "`crate = path` comes first, before the context managers");
        return None;
    }
    let path = match &*cut {
        [_, equals, path @ ..] if is_equals(equals) => path,
        _ => &[],
    };
    if Path::parse_mod_style.parse2(stream(path)).is_ok() {
        return Some(stream(path));
    }
    mistakes.at(
        path.first().unwrap_or(&cut[0]),
        "expected the path under which the crate `async_with` is known here: write `crate = path::to::async_with`",
    );
    None
}

/// The head of an attribute, if it is this one again.
fn is_this_attribute(path: &[TokenTree], head: &TokenTree, facade: Option<&TokenStream>) -> Option<Group> {
    let (name, before) = path.split_last()?;
    let known = match before {
        [] => true,
        [krate @ .., _, _] => {
            krate.last().is_some_and(|last| is_ident(last, "async_with"))
                || facade.is_some_and(|facade| facade.to_string() == stream(krate).to_string())
        }
        [_] => false,
    };
    match head {
        TokenTree::Group(group)
            if known && is_ident(name, "within") && group.delimiter() == Delimiter::Parenthesis =>
        {
            Some(group.clone())
        }
        _ => None,
    }
}
