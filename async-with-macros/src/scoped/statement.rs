//! The grammar of `#[enter] let pattern = manager;`, and its mistakes.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Pat, Path, Token, Type};

use crate::function::attribute as attribute_at;
use crate::parse::prefix;
use crate::tokens::{is_ident, is_punct, stream, too_deep};
use crate::unfinished::{end_of_statement, is_keyword};

/// A `let` behind its keyword, cut into pieces.
pub(super) struct Let<'a> {
    pub(super) pattern: &'a [TokenTree],
    pub(super) manager: &'a [TokenTree],
    /// What is wrong with it, and where, if not at the attribute.
    pub(super) problem: Option<(Option<Span>, &'static str)>,
    pub(super) r#else: &'a [TokenTree],
    /// The statements behind it.
    pub(super) rest: &'a [TokenTree],
}

impl<'a> Let<'a> {
    pub(super) fn parse(trees: &'a [TokenTree]) -> Self {
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
        let length = length_of(statement, typed_pattern).or_else(|| {
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
        let length = length_of(manager, <Expr as Parse>::parse).or_else(|| end_of_statement(manager));
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

/// How many tokens a pattern or an expression takes, if they begin with one.
fn length_of<T>(trees: &[TokenTree], parse: impl Fn(ParseStream<'_>) -> syn::Result<T>) -> Option<usize> {
    if too_deep(&stream(trees)).is_some() {
        return None;
    }
    prefix(trees, parse).ok().map(|(length, _)| length)
}

/// Whether a `let` whose `;` is missing can only end before this.
fn begins_statement(next: &TokenTree) -> bool {
    matches!(next, TokenTree::Ident(_)) || is_punct(next, '#') || is_punct(next, '\'')
}

/// What keeps a `let` from being entered, apart from itself.
pub(super) fn problem_of_attributes(
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
pub(super) fn enter(trees: &[TokenTree]) -> Option<TokenStream> {
    let content = attribute_at(trees)?;
    let is_group = |tree: &TokenTree| matches!(tree, TokenTree::Group(_));
    let path = content.clone().into_iter().take_while(|tree| !is_group(tree)).collect();
    let path = Path::parse_mod_style.parse2(path).ok()?;
    (path.segments.last()?.ident == "enter").then_some(content)
}

/// Where the name of an attribute is.
pub(super) fn name(attribute: &[TokenTree]) -> Span {
    let names = attribute_at(attribute).into_iter().flatten();
    let name = names.filter(|tree| matches!(tree, TokenTree::Ident(_))).last();
    name.map_or_else(Span::call_site, |name| name.span())
}
