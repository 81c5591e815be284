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

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::expand::{Expander, ours};
use crate::facade;
use crate::function::{Function, take_attributes};
use crate::mistakes::Mistakes;
use crate::parse::{self, Item};
use crate::tokens::{arrow, is_ident, stream};

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
    let (facade, import) = facade::import(facade);
    let body = Expander::new(&facade).function(items, &function.body);
    function.with_body(ours!(#import #body))
}

impl Head {
    /// `end` is what to show when there is nothing.
    fn parse(head: TokenStream, end: Span, mistakes: &mut Mistakes) -> Self {
        let mut trees: Vec<_> = head.into_iter().collect();
        let end = trees.last().map_or(end, TokenTree::span);
        let facade = facade::take(&mut trees, mistakes);
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
