//! Reads an invocation: `item ("," item)* ","? "=>" body`, or `item ("," item)* "," block`.

use std::iter::successors;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Pat, parenthesized};

use crate::mistakes::{Mistakes, opening};
use crate::tokens::{arrow, awaits, brace, is_brace, is_ident, is_punct, stream, too_deep};
use crate::unfinished::{has_gap, with_names, with_operands};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    Async,
    Sync,
}

impl Flavour {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flavour::Async => "async_with!",
            Flavour::Sync => "with!",
        }
    }
}

pub(crate) struct Invocation {
    /// Whether it is the rest of a block: what entering and exiting fail with leaves the function.
    pub(crate) is_rest: bool,
    pub(crate) flavour: Flavour,
    pub(crate) items: Vec<Item>,
    pub(crate) body: Body,
}

pub(crate) struct Item {
    pub(crate) manager: TokenStream,
    pub(crate) pattern: Option<TokenStream>,
    /// Of the variable.
    pub(crate) attributes: TokenStream,
    /// Of the manager, for what is wrong with it.
    pub(crate) span: Span,
}

pub(crate) struct Body {
    pub(crate) tokens: TokenStream,
    /// Whether the body awaits: always so in `async_with!`, with `=> async { … }` in `with!`.
    pub(crate) awaits: bool,
}

pub(crate) fn invocation(flavour: Flavour, input: TokenStream) -> Result<Invocation, Mistakes> {
    let trees: Vec<_> = input.into_iter().collect();
    let mut mistakes = Mistakes::default();
    let (head, body, missing) = split(flavour, &trees, &mut mistakes);
    let items = items(head, "`as name`, a comma, or `=>`", &mut mistakes);
    let mut body = self::body(flavour, body, &mut mistakes);
    if let Some((span, message)) = missing {
        if !mistakes.is_empty() {
            mistakes.add(span, message);
        } else if mistakes.unfinished {
            // Whoever is still typing the manager is told of that.
            body.tokens = quote!({ ::core::unreachable!() });
        } else {
            // With the error for a body, the rest is what it will be.
            body.tokens = quote_spanned!(span=> { ::core::compile_error!(#message) });
        }
    }
    if mistakes.is_empty() { Ok(Invocation { is_rest: false, flavour, items, body }) } else { Err(mistakes) }
}

/// Cuts the input into the items and the body, and says if a body is missing behind items.
fn split<'a>(
    flavour: Flavour,
    trees: &'a [TokenTree],
    mistakes: &mut Mistakes,
) -> (&'a [TokenTree], &'a [TokenTree], Option<Mistake>) {
    let name = flavour.name();
    if let Some(at) = arrow(trees) {
        let (head, body) = (&trees[..at], &trees[at + 2..]);
        if head.is_empty() {
            mistakes.add(
                trees[at].span(),
                format!(
                    "a context manager is missing before `=>`: write `{name}(manager as name => {{ … }})`"
                ),
            );
        }
        let missing = body.is_empty().then(|| {
            (trees[at].span(), "the body is missing after `=>`: add a block, `=> { … }`".to_owned())
        });
        return (head, body, missing);
    }
    let comma = |tree: &TokenTree| is_punct(tree, ',');
    let all = match trees {
        [rest @ .., last] if comma(last) => rest,
        all => all,
    };
    if let Some((head, body)) = async_body(all) {
        let message = match flavour {
            _ if head.is_empty() => missing_before_body(flavour),
            Flavour::Async => "the body awaits as it is: write `=> { … }`, without `async`".to_owned(),
            Flavour::Sync => "a body that awaits comes after `=>`: write `=> async { … }`".to_owned(),
        };
        mistakes.at(&body[0], message);
        let head = match head {
            [head @ .., last] if !head.is_empty() && comma(last) => head,
            head => head,
        };
        let body = if flavour == Flavour::Async { &body[body.len() - 1..] } else { body };
        return (head, body, None);
    }
    match all {
        [] => {
            mistakes.add(
                Span::call_site(),
                format!(
                    "a context manager and a body are missing: write `{name}(manager as name => {{ … }})`"
                ),
            );
            (&[], &[], None)
        }
        [body] if is_brace(body) => {
            mistakes.at(body, missing_before_body(flavour));
            (&[], all, None)
        }
        [separator, body] if is_brace(body) && comma(separator) => {
            (std::slice::from_ref(separator), std::slice::from_ref(body), None)
        }
        [head @ .., separator, body] if is_brace(body) && comma(separator) => {
            (head, std::slice::from_ref(body), None)
        }
        [head @ .., body] if is_brace(body) => {
            mistakes.at(body, "`=>` is missing before the body: write `manager as name => { … }`");
            (head, std::slice::from_ref(body), None)
        }
        [.., last] => {
            let message = "the body is missing: add `=> { … }` after the context manager";
            (all, &[], Some((opening(last), message.to_owned())))
        }
    }
}

fn missing_before_body(flavour: Flavour) -> String {
    let name = flavour.name();
    format!("a context manager is missing before the body: write `{name}(manager as name => {{ … }})`")
}

/// A body that begins with `async` but is not behind `=>`: what is before it, and from the `async` on.
fn async_body(trees: &[TokenTree]) -> Option<(&[TokenTree], &[TokenTree])> {
    let mut starts = [2, 3].into_iter().filter_map(|length| trees.len().checked_sub(length));
    let at = starts.find(|at| async_block(&trees[*at..]).is_some())?;
    Some(trees.split_at(at))
}

/// The `move` and the block of `async { … }` and `async move { … }`, if that is all.
fn async_block(trees: &[TokenTree]) -> Option<(Option<&TokenTree>, &TokenTree)> {
    let (r#async, r#move, block) = match trees {
        [r#async, block] => (r#async, None, block),
        [r#async, r#move, block] if is_ident(r#move, "move") => (r#async, Some(r#move), block),
        _ => return None,
    };
    (is_ident(r#async, "async") && is_brace(block)).then_some((r#move, block))
}

/// Cuts the items off, until nothing is left; `expected` is what may come after a manager, for the message about it.
pub(crate) fn items(head: &[TokenTree], expected: &str, mistakes: &mut Mistakes) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(group) = too_deep(&stream(head)) {
        mistakes.at(&group, "this is nested too deeply: evaluate it before the block, in a `let`");
        mistakes.names_missing = true;
        return items;
    }
    let head = with_operands(stream(head));
    mistakes.unfinished |= has_gap(&head);
    let head: Vec<_> = head.into_iter().collect();
    let mut head = &*head;
    while !head.is_empty() {
        let length = match item(head, expected) {
            Ok((item, length)) => {
                mistakes.managers.push(item.manager.clone());
                mistakes.patterns.extend(item.pattern.clone());
                items.push(item);
                length
            }
            Err((span, message)) => {
                mistakes.add(span, message);
                mistakes.names_missing = true;
                let manager = head.iter().take_while(|tree| !is_ident(tree, "as") && !is_punct(tree, ','));
                let manager: TokenStream = manager.cloned().collect();
                mistakes.managers.extend(syn::parse2::<Expr>(manager.clone()).is_ok().then_some(manager));
                head.iter().position(|tree| is_punct(tree, ',')).unwrap_or(head.len())
            }
        };
        // The comma behind the item goes too.
        head = head.get(length + 1..).unwrap_or_default();
    }
    items
}

impl Item {
    fn new(manager: &[TokenTree], pattern: Option<TokenStream>) -> Self {
        let span = manager.first().map_or_else(Span::call_site, TokenTree::span);
        Self { manager: stream(manager), pattern, attributes: TokenStream::new(), span }
    }
}

type Mistake = (Span, String);

/// Cuts the first item off, and says how many tokens it has.
///
/// An `as` may also be a cast, or be in a later item. So each `as` is tried, and the first counts that has an expression on
/// its left, and on its right a pattern with nothing but a comma after it.
fn item(head: &[TokenTree], expected: &str) -> Result<(Item, usize), Mistake> {
    if is_punct(&head[0], ',') {
        return Err((head[0].span(), "a context manager is missing before this comma".to_owned()));
    }
    let mut bad_pattern = None;
    for (at, r#as) in head.iter().enumerate().filter(|(_, tree)| is_ident(tree, "as")) {
        let (manager, right) = (&head[..at], &head[at + 1..]);
        if manager.is_empty() {
            return Err((r#as.span(), "a context manager is missing before `as`".to_owned()));
        }
        if syn::parse2::<Expr>(stream(manager)).is_err() {
            continue;
        }
        match right.first() {
            None => return Err(missing_name(r#as)),
            Some(comma) if is_punct(comma, ',') => return Err(missing_name(r#as)),
            Some(first) => {
                if let Ok((length, true)) = prefix(right, Pat::parse_single) {
                    let pattern = Some(stream(&right[..length]));
                    let item = Item::new(manager, pattern);
                    return Ok((item, at + 1 + length));
                }
                bad_pattern.get_or_insert(first.span());
            }
        }
    }
    match prefix(head, <Expr as Parse>::parse) {
        Ok((length, true)) => {
            Ok((Item::new(&head[..length], None), length))
        }
        result => Err(match (bad_pattern, result) {
            (Some(span), _) => (
                span,
                "this is not a pattern: after `as` comes a name, `mut name`, a tuple, a struct, a slice, or `_`"
                    .to_owned(),
            ),
            (None, Ok((length, _))) => (
                head[length].span(),
                format!("unexpected token after the context manager: expected {expected}"),
            ),
            (None, Err(error)) => (error.span(), format!("this is not a context manager: {error}")),
        }),
    }
}

fn missing_name(r#as: &TokenTree) -> Mistake {
    (r#as.span(), "a name is missing after `as`: write `as name`, or leave `as` out".to_owned())
}

/// Parses the beginning of `trees`: how many tokens it takes, and whether the item ends there.
pub(crate) fn prefix<T>(
    trees: &[TokenTree],
    parse: impl Fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<(usize, bool)> {
    let parser = |input: ParseStream<'_>| {
        let content;
        parenthesized!(content in input);
        let start = content.cursor();
        let ends: Vec<_> =
            successors(Some(start), |at| at.token_tree().map(|(_, next)| next)).skip(1).collect();
        parse(&content)?;
        let reached = content.cursor();
        content.parse::<TokenStream>()?;
        // `syn` looks into invisible groups, and may stop in the middle of one.
        let length = ends.iter().take_while(|end| **end <= reached).count();
        let stops_between = length.checked_sub(1).map_or(start, |last| ends[last]) == reached;
        let ends_here = stops_between && trees.get(length).is_none_or(|next| is_punct(next, ','));
        Ok((length, ends_here))
    };
    // That something is missing at the end is reported at the parenthesis: there is the last token.
    let mut all = Group::new(Delimiter::Parenthesis, stream(trees));
    all.set_span(trees.last().map_or_else(Span::call_site, TokenTree::span));
    parser.parse2(TokenTree::from(all).into())
}

fn body(flavour: Flavour, trees: &[TokenTree], mistakes: &mut Mistakes) -> Body {
    let trees = without_trailing(trees, mistakes);
    let mut body = Body { tokens: stream(trees), awaits: flavour == Flavour::Async };
    if flavour == Flavour::Sync {
        match async_block(trees) {
            Some((None, block)) => {
                body = Body { tokens: stream(std::slice::from_ref(block)), awaits: true };
            }
            Some((Some(r#move), _)) => {
                mistakes.at(r#move, "the body runs in place and borrows what it uses: remove `move`");
            }
            None => {
                if let Some(awaits) = awaits(&body.tokens) {
                    mistakes.at(
                        &awaits,
                        "the body of a `with!` does not await unless it says so: write `with!(manager => async { … })`, \
                         in an async function",
                    );
                }
            }
        }
    }
    body.tokens = in_our_braces(body.tokens);
    mistakes.body = body.tokens.clone();
    body
}

/// The body as a block, with braces that are ours: rustc would call the user's ones unnecessary when they hold only one
/// expression. An expression is put in parentheses too, for it might begin like a statement: `{ 1 } + { 2 }`.
pub(crate) fn in_our_braces(body: TokenStream) -> TokenStream {
    let body = with_names(body);
    let mut trees = body.clone().into_iter();
    let (Some(first), rest) = (trees.next(), trees.next()) else { return body };
    let span = Span::mixed_site().located_at(first.span());
    let ours = |delimiter, content| -> TokenStream {
        let mut group = Group::new(delimiter, content);
        group.set_span(span);
        TokenTree::Group(group).into()
    };
    match brace(&first) {
        Some(block) if rest.is_none() => ours(Delimiter::Brace, block.stream()),
        _ => ours(Delimiter::Brace, ours(Delimiter::Parenthesis, body)),
    }
}

/// Cuts off what comes after the body. A body is only parsed if there can be such a thing, so that half-typed code is left
/// alone.
fn without_trailing<'a>(trees: &'a [TokenTree], mistakes: &mut Mistakes) -> &'a [TokenTree] {
    let separates = |tree: &TokenTree| is_punct(tree, ',') || is_punct(tree, ';');
    let block_first = matches!(trees, [first, _, ..] if is_brace(first));
    let end = if block_first { Some(1) } else { trees.iter().position(separates) };
    let is_no_body = || {
        let body = stream(trees);
        too_deep(&body).is_none() && syn::parse2::<Expr>(body).is_err()
    };
    let Some(end) = end.filter(|_| is_no_body()) else { return trees };
    let message = if is_punct(&trees[end], ';') {
        "a body of several statements is a block: put braces around it"
    } else {
        "unexpected token after the body: the body is the last thing in the macro"
    };
    mistakes.at(&trees[end], message);
    &trees[..end]
}
