//! The path of the facade: an attribute has no shim that would know it, so the user may give it, as `crate = path`.

use proc_macro2::{Spacing, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Path;
use syn::parse::Parser;

use crate::expand::ours;
use crate::mistakes::Mistakes;
use crate::tokens::{is_ident, is_punct, stream};

/// Cuts `crate = path` off the beginning.
pub(crate) fn take(head: &mut Vec<TokenTree>, mistakes: &mut Mistakes) -> Option<TokenStream> {
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

/// How the expansion calls the facade, and the statement that this needs.
///
/// A path that the user gives is looked up once, so that one which leads nowhere is one mistake, shown there.
pub(crate) fn import(given: Option<TokenStream>) -> (TokenStream, Option<TokenStream>) {
    let Some(path) = given else { return (ours!(::async_with), None) };
    let span = path.clone().into_iter().last().map_or_else(Span::call_site, |last| last.span());
    (ours!(__async_with), Some(quote_spanned!(span=> use #path as __async_with;)))
}
