//! The attribute `#[scoped]`: in its function, what comes after an `#[enter] let` in a block is the body of a block of ours.
//!
//! ```text
//! // Input:
//! #[scoped]
//! async fn function() -> Type { before; #[enter] let pattern = manager; rest }
//!
//! // Output; `rest_impl!` stands for the rest of a block, `function` for it being the end of the function:
//! async fn function() -> Type { before; rest_impl!((facade) function () (pattern) (manager) { rest }) }
//! ```
//!
//! The statements are found among the tokens, so that code which is being typed stays as it is, and those in the bodies of
//! other macros are found too. A mistake takes the place of the manager; the rest goes on.

mod closures;
mod statement;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::quote_spanned;

use self::closures::outside_of_closures;
use self::statement::{Let, enter, name, problem_of_attributes};

use crate::expand::{Expander, ours};
use crate::facade;
use crate::function::{Function, attribute as attribute_at};
use crate::mistakes::Mistakes;
use crate::parse::{Body, Flavour, Invocation, Item, in_our_braces};
use crate::tokens::{before_equals, is_ident, is_punct, stream, with_content};
use crate::unfinished::with_names;

pub(crate) fn attribute(head: TokenStream, function: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let trees: Vec<_> = function.into_iter().collect();
    let Some(function) = Function::parse("scoped", &trees, &mut mistakes) else {
        return mistakes.expand_around(stream(&trees));
    };
    let can_await = mistakes.is_empty();
    let mut head: Vec<_> = head.into_iter().collect();
    let facade = facade::take(&mut head, &mut mistakes);
    if let Some(first) = head.first().filter(|_| mistakes.is_empty()) {
        mistakes.at(
            first,
            "`#[scoped]` takes no context manager: enter one in the function, `#[enter] let name = manager;`",
        );
    }
    let (facade, import) = facade::import(facade);
    let body = outside_of_closures(function.body.clone());
    let body = Statements { facade: &facade, can_await }.of_function(body);
    if !mistakes.is_empty() {
        mistakes.body = body;
        return function.with_body(mistakes.expand_in_function());
    }
    function.with_body(ours!(#import #body))
}

/// Draws the block for the rest of a block; its input is what [`Statements`] writes.
pub(crate) fn rest(input: TokenStream) -> TokenStream {
    let Rest { facade, is_function, item, body } = Rest::read(input);
    let expander = Expander::new(&facade);
    let expansion = if is_function {
        expander.function(vec![item], &body)
    } else {
        expander.rest(Rest::block(item, body))
    };
    ours!({ #expansion })
}

/// The rest of a block, if that is not the end of a function, as a block that may be nested in another one.
pub(crate) fn nested_rest(input: TokenStream) -> Option<Invocation> {
    let Rest { is_function, item, body, .. } = Rest::read(input);
    (!is_function).then(|| Rest::block(item, body))
}

/// What stands for the rest of a block.
struct Rest {
    facade: TokenStream,
    /// Whether the value of the block is what the function returns.
    is_function: bool,
    item: Item,
    body: TokenStream,
}

impl Rest {
    fn write(self, at: Span) -> TokenStream {
        let Self { facade, is_function, item: Item { manager, attributes, pattern, .. }, body } = self;
        let place = if is_function { ours!(function) } else { ours!(block) };
        // So that it is here, for what rustc says about all of it.
        let path = facade.clone().into_iter().map(|mut tree| {
            tree.set_span(tree.span().located_at(at));
            tree
        });
        let path: TokenStream = path.collect();
        let rest = quote_spanned!(at=> #path::__private::rest_impl!((#facade) #place (#attributes) (#pattern) (#manager) #body));
        // In braces, as clippy would ask for a semicolon behind the attribute.
        ours!({ #rest })
    }

    fn read(input: TokenStream) -> Self {
        let trees: Vec<_> = input.into_iter().collect();
        let content = |tree: &TokenTree| match tree {
            TokenTree::Group(group) => group.stream(),
            _ => unreachable!("`#[scoped]` writes a group here"),
        };
        let [facade, place, attributes, pattern, manager, body] = &*trees else {
            unreachable!("`#[scoped]` writes six parts")
        };
        let (end, manager) = (manager.span(), content(manager));
        let span = manager.clone().into_iter().next().map_or(end, |first| first.span());
        let (attributes, pattern) = (content(attributes), Some(content(pattern)));
        Self {
            facade: content(facade),
            is_function: is_ident(place, "function"),
            item: Item { manager, pattern, attributes, span },
            body: TokenTree::clone(body).into(),
        }
    }

    fn block(item: Item, body: TokenStream) -> Invocation {
        let body = Body { tokens: body, awaits: true };
        Invocation { flavour: Flavour::Async, items: vec![item], body, is_rest: true }
    }
}

/// Puts a `rest_impl!` in the place of each `#[enter] let` and what comes after it.
struct Statements<'a> {
    facade: &'a TokenStream,
    /// If not, that is a mistake already, and each name stands for a value that fits everywhere.
    can_await: bool,
}

impl Statements<'_> {
    /// Of a function, whose body is in braces that are ours.
    fn of_function(&self, body: TokenStream) -> TokenStream {
        let body = body.into_iter().map(|tree| match tree {
            TokenTree::Group(braces) => {
                let content: Vec<_> = braces.stream().into_iter().collect();
                with_content(&braces, self.of_block(&content, true))
            }
            other => other,
        });
        body.collect()
    }

    /// Of what is in braces, which may be a block.
    fn of_block(&self, trees: &[TokenTree], is_function: bool) -> TokenStream {
        let Some(at) = (0..trees.len()).find(|&at| enter(&trees[at..]).is_some()) else {
            return self.in_groups(trees);
        };
        let is_attribute = |at: &usize| attribute_at(&trees[*at..]).is_some();
        let start = (0..=at).rev().step_by(2).take_while(is_attribute).last().unwrap_or(at);
        let end = (at + 2..).step_by(2).find(|at| !is_attribute(at)).unwrap_or(trees.len());
        let mut output = self.in_groups(&trees[..start]);
        let attributes = [&trees[start..at], &trees[at + 2..end]].concat();
        output.extend(self.statement(&trees[at..at + 2], &attributes, &trees[end..], is_function));
        output
    }

    /// Of an `#[enter]`, and of what comes after it in its block.
    fn statement(
        &self,
        enter: &[TokenTree],
        attributes: &[TokenTree],
        trees: &[TokenTree],
        is_function: bool,
    ) -> TokenStream {
        let span = name(enter);
        let Some(r#let) = trees.first().filter(|tree| is_ident(tree, "let")) else {
            let error = mistake(span, "`#[enter]` stands on a `let`: write `#[enter] let name = manager;`");
            let (attributes, rest) = (stream(attributes), self.of_block(trees, is_function));
            return ours!(#error; #attributes #rest);
        };
        let Let { pattern, manager, problem, r#else, rest } = Let::parse(&trees[1..]);
        let problem = problem.or_else(|| problem_of_attributes(enter, attributes));
        let name = pattern.first().is_none_or(|first| is_punct(first, ':')).then(|| ours!(_));
        let pattern = before_equals(name.into_iter().flatten().chain(stream(pattern)).collect());
        let attributes = stream(attributes);
        let (manager, rest) = (with_names(self.in_groups(manager)), self.of_block(rest, is_function));
        if let Some((at, message)) = problem {
            let (error, r#else) = (mistake(at.unwrap_or(span), message), stream(r#else));
            let manager = (!manager.is_empty()).then(|| ours!(let _ = #manager;));
            return ours!(#manager #r#let #pattern = #error #r#else; #rest);
        }
        if !self.can_await {
            let mistake = Mistakes::name();
            return ours!(let _ = #manager; #r#let #pattern = #mistake; #rest);
        }
        let first = manager.clone().into_iter().next().map_or(span, |first| first.span());
        let item = Item { manager, attributes, pattern: Some(pattern), span: first };
        let body = in_our_braces(ours!({ #rest }));
        Rest { facade: self.facade.clone(), is_function, item, body }
            .write(Span::mixed_site().located_at(span))
    }

    /// Of the blocks in groups, but for those of other functions, which have attributes of their own.
    fn in_groups(&self, trees: &[TokenTree]) -> TokenStream {
        let mut in_head = false;
        let mut output = TokenStream::new();
        for (at, tree) in trees.iter().enumerate() {
            in_head |= matches!(&trees[at..], [r#fn, TokenTree::Ident(_), ..] if is_ident(r#fn, "fn"));
            let TokenTree::Group(group) = tree else {
                in_head &= !is_punct(tree, ';');
                output.extend([tree.clone()]);
                continue;
            };
            let content: Vec<_> = group.stream().into_iter().collect();
            let is_brace = group.delimiter() == Delimiter::Brace;
            output.extend([match is_brace {
                true if in_head => {
                    in_head = false;
                    tree.clone()
                }
                true => with_content(group, self.of_block(&content, false)),
                false => with_content(group, self.in_groups(&content)),
            }]);
        }
        output
    }
}

fn mistake(at: Span, message: &str) -> TokenStream {
    quote_spanned!(at=> ::core::compile_error!(#message))
}

/// Says what is missing around an `#[enter]` that no `#[scoped]` has taken away.
pub(crate) fn outside(statement: TokenStream) -> TokenStream {
    let trees: Vec<_> = statement.into_iter().collect();
    let message = "`#[enter]` needs `#[async_with::scoped]` on the `async fn` around it";
    let error = mistake(Span::call_site(), message);
    match trees.split_first() {
        Some((r#let, trees)) if is_ident(r#let, "let") => {
            let Let { pattern, manager, r#else, .. } = Let::parse(trees);
            let (pattern, manager, r#else) =
                (before_equals(stream(pattern)), stream(manager), stream(r#else));
            ours!(let #pattern = { let _ = #manager; #error } #r#else;)
        }
        _ => {
            let statement = stream(&trees);
            ours!(#error; #statement)
        }
    }
}
