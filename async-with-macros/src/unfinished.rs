//! Code that is being typed: what is missing in it is filled in.
//!
//! An editor asks what may stand behind `tx.` by putting a name there. It compares that expansion with the one without the
//! name, and finds its way only if both are the same up to that place. So code that is not finished is expanded like code
//! that is.

use proc_macro2::{Delimiter, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::tokens::{contains, is_brace, is_ident, is_punct, with_content};

/// Stands where a name or an expression is missing. rustc says that it does not know it, at the dot or operator before it.
const GAP: &str = "something_is_missing_here";

/// Stands, between two semicolons, where a statement has no end.
const END: &str = "__async_with_end_of_statement";

/// Puts a name behind each `.` and `::` that has none.
///
/// It is never missing in Rust that is finished, so that this needs no parser. And rustc, which reads `tx.` as `tx`, does not
/// add to its error what follows from that.
pub(crate) fn with_names(body: TokenStream) -> TokenStream {
    filled(body, Fill::Names)
}

/// Puts a name also behind an operator that has nothing on its right.
pub(crate) fn with_operands(head: TokenStream) -> TokenStream {
    filled(head, Fill::Operands)
}

/// Also ends statements in front of others. `without_ends` takes away what this adds.
pub(crate) fn with_ends(body: TokenStream) -> TokenStream {
    filled(body, Fill::Ends)
}

pub(crate) fn without_ends(body: TokenStream) -> TokenStream {
    let mut output: Vec<TokenTree> = Vec::new();
    let mut trees = body.into_iter();
    while let Some(tree) = trees.next() {
        match tree {
            tree if is_ident(&tree, END) => {
                output.pop();
                trees.next();
            }
            TokenTree::Group(group) if contains(&group.stream(), &|trees| is_ident(&trees[0], END)) => {
                output.push(with_content(&group, without_ends(group.stream())));
            }
            tree => output.push(tree),
        }
    }
    output.into_iter().collect()
}

/// How many tokens are in front of another statement, if the first one has no end.
pub(crate) fn end_of_statement(trees: &[TokenTree]) -> Option<usize> {
    (1..trees.len()).find(|&at| {
        let (before, next) = (&trees[..at], &trees[at]);
        begins_statement(before, is_gap(before, Some(next), Fill::Ends), next)
    })
}

pub(crate) fn has_gap(tokens: &TokenStream) -> bool {
    contains(tokens, &|trees| is_ident(&trees[0], GAP))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Names,
    Operands,
    Ends,
}

fn filled(tokens: TokenStream, what: Fill) -> TokenStream {
    fill(&tokens, None, what).unwrap_or(tokens)
}

/// `None` if nothing is missing: a group that is made anew has no longer a place for each of its delimiters. `after` is what
/// comes behind the tokens, if invisible delimiters are around them.
fn fill(tokens: &TokenStream, after: Option<&TokenTree>, what: Fill) -> Option<TokenStream> {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    let mut output = Vec::with_capacity(trees.len());
    let mut is_changed = false;
    let mut is_let = false;
    for (at, tree) in trees.iter().enumerate() {
        let begins = at == 0 || is_punct(&trees[at - 1], ';') || is_brace(&trees[at - 1]);
        is_let = (is_let && !is_punct(tree, ';')) || (begins && is_ident(tree, "let"));
        let next = trees.get(at + 1);
        let content = match tree {
            TokenTree::Group(group) if !is_opaque(&trees[..at]) => {
                let after = next.or(after).filter(|_| group.delimiter() == Delimiter::None);
                fill(&group.stream(), after, what).map(|content| with_content(group, content))
            }
            _ => None,
        };
        let here = Span::mixed_site().located_at(tree.span());
        let is_gap = is_gap(&trees[..=at], next.or(after), what);
        // A `let` above the last expression has taken it.
        let end =
            what == Fill::Ends && next.map_or(is_let, |next| begins_statement(&trees[..=at], is_gap, next));
        is_changed |= content.is_some() || is_gap || end;
        output.push(content.unwrap_or_else(|| tree.clone()));
        if is_gap {
            output.push(Ident::new(GAP, here).into());
        }
        if end {
            let semicolon = || TokenTree::from(Punct::new(';', Spacing::Alone));
            output.extend([semicolon(), Ident::new(END, here).into(), semicolon()]);
        }
    }
    is_changed.then(|| output.into_iter().collect())
}

/// Whether the next group is a macro's or an attribute's, for which other rules hold.
fn is_opaque(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(_), bang] | [.., TokenTree::Ident(_), bang, TokenTree::Ident(_)]
            if is_punct(bang, '!') =>
        {
            true
        }
        [.., hash] | [.., hash, _] if is_punct(hash, '#') => true,
        _ => false,
    }
}

/// Whether something is missing between the last of the trees and `next`.
fn is_gap(trees: &[TokenTree], next: Option<&TokenTree>, what: Fill) -> bool {
    let (before, last) = match trees {
        [before @ .., TokenTree::Punct(last)] => (before, last),
        // The second dot of `x.0.` is taken for that of a number.
        [.., dot, TokenTree::Literal(number)] => {
            return is_punct(dot, '.') && number.to_string().ends_with('.') && ends(next);
        }
        _ => return false,
    };
    let glued = |char| {
        matches!(before, [.., TokenTree::Punct(before)]
            if before.as_char() == char && before.spacing() == Spacing::Joint)
    };
    let names = match last.as_char() {
        // A range may end with its dots.
        '.' => !glued('.'),
        ':' => glued(':'),
        _ => false,
    };
    let operator = match last.as_char() {
        '=' | '&' => !glued('.'),
        '+' | '-' | '/' | '%' | '^' | ':' => true,
        '>' => glued('='),
        _ => false,
    };
    if !names && (what == Fill::Names || !operator) {
        return false;
    }
    match next {
        _ if ends(next) => true,
        Some(TokenTree::Punct(next)) => match last.as_char() {
            '.' => next.as_char() != '.',
            ':' if names => !matches!(next.as_char(), '<' | '*' | '$'),
            ':' => next.as_char() == '=',
            _ => false,
        },
        Some(next @ TokenTree::Ident(_)) => {
            is_ident(next, "as")
                || (what == Fill::Ends && if names { is_keyword(next) } else { is_ident(next, "let") })
        }
        Some(TokenTree::Group(group)) => last.as_char() == '.' && group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

/// Whether an expression can only end before `next`.
fn ends(next: Option<&TokenTree>) -> bool {
    match next {
        None => true,
        Some(TokenTree::Punct(next)) => matches!(next.as_char(), ';' | ',' | '?'),
        Some(_) => false,
    }
}

/// Whether `next` can only be the beginning of another statement.
fn begins_statement(trees: &[TokenTree], gap: bool, next: &TokenTree) -> bool {
    let is_operand = match trees {
        [.., quote, TokenTree::Ident(_)] if is_punct(quote, '\'') => false,
        [.., last @ TokenTree::Ident(_)] => !is_keyword(last) && !is_ident(last, "as"),
        [.., TokenTree::Literal(_)] => true,
        [.., TokenTree::Group(group)] => {
            matches!(group.delimiter(), Delimiter::Parenthesis | Delimiter::Bracket)
        }
        [.., TokenTree::Punct(_)] => gap,
        [] => false,
    };
    is_operand && matches!(next, TokenTree::Ident(_)) && !is_ident(next, "as") && !is_ident(next, "else")
}

/// A word at which a statement begins, or which has an expression or item on its right.
pub(crate) fn is_keyword(tree: &TokenTree) -> bool {
    const WORDS: [&str; 25] = [
        "async", "break", "const", "continue", "else", "enum", "fn", "for", "if", "impl", "in", "let",
        "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "use",
        "while",
    ];
    WORDS.iter().any(|word| is_ident(tree, word))
}
