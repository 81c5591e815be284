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

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ExprAsync, ExprClosure, Local, Pat, Path, Token, Type};

use crate::expand::{Expander, ours};
use crate::facade;
use crate::function::{Function, attribute as attribute_at};
use crate::mistakes::Mistakes;
use crate::parse::{Body, Flavour, Invocation, Item, in_our_braces, prefix};
use crate::tokens::{before_equals, is_ident, is_punct, stream, too_deep};
use crate::unfinished::{end_of_statement, is_keyword, with_names};

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
                in_group(&braces, self.of_block(&content, true))
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
                true => in_group(group, self.of_block(&content, false)),
                false => in_group(group, self.in_groups(&content)),
            }]);
        }
        output
    }
}

/// A `let` behind its keyword, cut into pieces.
struct Let<'a> {
    pattern: &'a [TokenTree],
    manager: &'a [TokenTree],
    /// What is wrong with it, and where, if not at the attribute.
    problem: Option<(Option<Span>, &'static str)>,
    r#else: &'a [TokenTree],
    /// The statements behind it.
    rest: &'a [TokenTree],
}

impl<'a> Let<'a> {
    fn parse(trees: &'a [TokenTree]) -> Self {
        let (statement, rest) = match trees.iter().position(|tree| is_punct(tree, ';')) {
            Some(end) => (&trees[..end], &trees[end + 1..]),
            None => (trees, &trees[trees.len()..]),
        };
        let typed_pattern = |input: ParseStream<'_>| {
            Pat::parse_multi_with_leading_vert(input)?;
            if input.parse::<Option<Token![:]>>()?.is_some() {
                input.parse::<Type>()?;
            }
            Ok(())
        };
        let is_equals = |tree: &TokenTree| is_punct(tree, '=');
        let length = match too_deep(&stream(statement)) {
            None => prefix(statement, typed_pattern).map(|(length, _)| length).ok(),
            Some(_) => None,
        };
        let length = length.or_else(|| {
            // There is no pattern yet, but the next statement.
            let is_pattern = |first: &TokenTree| is_ident(first, "mut") || is_ident(first, "ref");
            statement.first().filter(|first| is_keyword(first) && !is_pattern(first)).map(|_| 0)
        });
        let length = length.or_else(|| statement.iter().position(is_equals)).unwrap_or(statement.len());
        let (pattern, initialiser) = statement.split_at(length);
        let mut this = Self { pattern, manager: &[], problem: None, r#else: &[], rest };
        let Some((_, manager)) = initialiser.split_first().filter(|(first, _)| is_equals(first)) else {
            let at = pattern.last().map(TokenTree::span);
            this.problem = Some((at, "a context manager is missing: write `#[enter] let name = manager;`"));
            match initialiser.first() {
                None => {}
                Some(next) if begins_statement(next) => this.rest = &trees[length..],
                // What has been taken for a pattern was the beginning of the next statement.
                Some(_) => (this.pattern, this.rest) = (&[], trees),
            }
            return this;
        };
        this.manager = manager;
        // An expression ends before an `else` that is not its own.
        let length = match too_deep(&stream(manager)) {
            None => prefix(manager, <Expr as Parse>::parse).map(|(length, _)| length).ok(),
            Some(_) => None,
        };
        let length = length.or_else(|| end_of_statement(manager));
        if let Some(length) = length.filter(|length| *length < manager.len()) {
            let next = &manager[length];
            if is_ident(next, "else") {
                (this.manager, this.r#else) = manager.split_at(length);
                this.problem = Some((
                    Some(next.span()),
                    "an `#[enter] let` has no `else`: enter it by a name, and match that in a `let … else` of its own",
                ));
            } else if begins_statement(next) {
                // The `;` is missing: rustc has said so, before it expands the attribute. An editor goes on from here.
                this.manager = &manager[..length];
                this.rest = &trees[pattern.len() + 1 + length..];
            }
        }
        this
    }
}

/// Whether a `let` whose `;` is missing can only end before this.
fn begins_statement(next: &TokenTree) -> bool {
    matches!(next, TokenTree::Ident(_)) || is_punct(next, '#') || is_punct(next, '\'')
}

/// What keeps a `let` from being entered, apart from itself.
fn problem_of_attributes(
    enter: &[TokenTree],
    attributes: &[TokenTree],
) -> Option<(Option<Span>, &'static str)> {
    let content = attribute_at(enter).into_iter().flatten();
    if let Some(arguments) = content.last().filter(|last| matches!(last, TokenTree::Group(_))) {
        return Some((
            Some(arguments.span()),
            "`#[enter]` takes nothing: the context manager is behind the `=`",
        ));
    }
    let is_cfg = |tree: &TokenTree| is_ident(tree, "cfg") || is_ident(tree, "cfg_attr");
    let mut names = attributes.chunks(2).filter_map(|pair| attribute_at(pair)?.into_iter().next());
    names.find(is_cfg).map(|cfg| {
        let message = "an `#[enter] let` cannot be conditional, as the rest of the block is in it: make the function so, \
                       or let a function that returns the context manager be so";
        (Some(cfg.span()), message)
    })
}

/// What is in the brackets, if the tokens begin with `#[enter]`, perhaps with a path before it.
fn enter(trees: &[TokenTree]) -> Option<TokenStream> {
    let content = attribute_at(trees)?;
    let is_group = |tree: &TokenTree| matches!(tree, TokenTree::Group(_));
    let path = content.clone().into_iter().take_while(|tree| !is_group(tree)).collect();
    let path = Path::parse_mod_style.parse2(path).ok()?;
    (path.segments.last()?.ident == "enter").then_some(content)
}

/// Where the name of an attribute is.
fn name(attribute: &[TokenTree]) -> Span {
    let names = attribute_at(attribute).into_iter().flatten();
    let name = names.filter(|tree| matches!(tree, TokenTree::Ident(_))).last();
    name.map_or_else(Span::call_site, |name| name.span())
}

fn in_group(group: &Group, content: TokenStream) -> TokenTree {
    let mut filled = Group::new(group.delimiter(), content);
    filled.set_span(group.span());
    filled.into()
}

fn mistake(at: Span, message: &str) -> TokenStream {
    quote_spanned!(at=> ::core::compile_error!(#message))
}

/// Puts a mistake in the place of each `#[enter]` in a closure that cannot await.
///
/// For that the body is parsed. If it does not parse, it is being typed, and rustc finds the `await` in the closure.
fn outside_of_closures(body: TokenStream) -> TokenStream {
    if too_deep(&body).is_some() {
        return body;
    }
    let Ok(mut block) = syn::parse2::<syn::Block>(body.clone()) else { return body };
    let mut closures = Closures { in_closure: false, found: false };
    closures.visit_block_mut(&mut block);
    if closures.found { quote!(#block) } else { body }
}

struct Closures {
    in_closure: bool,
    found: bool,
}

impl Closures {
    fn within(&mut self, in_closure: bool, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.in_closure, in_closure);
        visit(self);
        self.in_closure = outer;
    }
}

impl VisitMut for Closures {
    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        let in_closure = closure.asyncness.is_none();
        self.within(in_closure, |this| visit_mut::visit_expr_closure_mut(this, closure));
    }

    fn visit_expr_async_mut(&mut self, block: &mut ExprAsync) {
        self.within(false, |this| visit_mut::visit_expr_async_mut(this, block));
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        visit_mut::visit_local_mut(self, local);
        let Some(init) = local.init.as_mut().filter(|_| self.in_closure) else { return };
        let name = |attribute: &Attribute| {
            let last = attribute.path().segments.last();
            last.filter(|last| last.ident == "enter").map(|last| last.ident.span())
        };
        if let Some(span) = local.attrs.iter().find_map(name) {
            local.attrs.retain(|attribute| name(attribute).is_none());
            let error = mistake(
                span,
                "`#[enter]` awaits, which this closure cannot: make it an `async` closure, or enter before it",
            );
            let manager = &init.expr;
            *init.expr = Expr::Verbatim(ours!({ let _ = #manager; #error }));
            self.found = true;
        }
    }

    fn visit_item_mut(&mut self, _item: &mut syn::Item) {}
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
