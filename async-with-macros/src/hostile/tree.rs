//! Tokens that are made up, and their text.

use std::fmt::{self, Debug, Display};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// How a group in invisible delimiters is written in text, which has none: with this in front of parentheses.
const INVISIBLE: &str = "__invisible";

#[derive(Clone, PartialEq)]
pub(super) enum Tree {
    Token(&'static str),
    Group(Delimiter, Vec<Tree>),
}

use Tree::{Group as G, Token as T};

/// The input of a macro.
#[derive(Clone)]
pub(super) struct Input(pub(super) Vec<Tree>);

impl Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, inside, close) = match self {
            T(text) => return f.write_str(text),
            G(Delimiter::Parenthesis, inside) => ("(", inside, ")"),
            G(Delimiter::Bracket, inside) => ("[", inside, "]"),
            G(Delimiter::Brace, inside) => ("{", inside, "}"),
            G(Delimiter::None, inside) => (concat!("__invisible", "("), inside, ")"),
        };
        write!(f, "{open}{}{close}", Written(inside))
    }
}

struct Written<'a>(&'a [Tree]);

impl Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_punctuation = |tree: &Tree| matches!(tree, T(text) if text.chars().all(|char| char.is_ascii_punctuation() && !"\"'/_".contains(char)));
        for (at, tree) in self.0.iter().enumerate() {
            write!(f, "{tree}")?;
            // Punctuation that touches is what a user writes: `1..,` and `x=>`. Every other one does.
            let touches = at % 2 == 0
                && self.0.get(at + 1).is_some_and(|next| [tree, next].into_iter().all(is_punctuation));
            if !touches {
                f.write_str(" ")?;
            }
        }
        Ok(())
    }
}

impl Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Written(&self.0))
    }
}

impl Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// The tokens of a text, with places in it.
pub(super) fn tokens(text: &str) -> TokenStream {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{error}: {text}"));
    with_invisible(tokens)
}

fn with_invisible(tokens: TokenStream) -> TokenStream {
    let mut output: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        let TokenTree::Group(group) = tree else {
            output.push(tree);
            continue;
        };
        let invisible = matches!(output.last(), Some(TokenTree::Ident(ident)) if *ident == INVISIBLE);
        let delimiter = if invisible { Delimiter::None } else { group.delimiter() };
        if invisible {
            output.pop();
        }
        let mut changed = Group::new(delimiter, with_invisible(group.stream()));
        changed.set_span(group.span());
        output.push(changed.into());
    }
    output.into_iter().collect()
}
