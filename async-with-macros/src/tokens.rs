//! Looking at tokens without parsing them.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};

pub(crate) fn is_punct(tree: &TokenTree, char: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char)
}

pub(crate) fn is_ident(tree: &TokenTree, name: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if *ident == name)
}

/// The block that the token is, also when it comes from a `$block` of a `macro_rules!`, in invisible delimiters.
pub(crate) fn brace(tree: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else { return None };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => {
            let mut content = group.stream().into_iter();
            match (content.next(), content.next()) {
                (Some(only), None) => brace(&only),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(crate) fn is_brace(tree: &TokenTree) -> bool {
    brace(tree).is_some()
}

/// Where the first `=>` outside all groups is.
pub(crate) fn arrow(trees: &[TokenTree]) -> Option<usize> {
    trees.windows(2).position(|pair| {
        matches!(&pair[0], TokenTree::Punct(punct) if punct.as_char() == '=' && punct.spacing() == Spacing::Joint)
            && is_punct(&pair[1], '>')
    })
}

pub(crate) fn stream(trees: &[TokenTree]) -> TokenStream {
    trees.iter().cloned().collect()
}

/// A pattern, such that an `=` behind it does not become part of its end: `1..`.
pub(crate) fn before_equals(pattern: TokenStream) -> TokenStream {
    let mut trees: Vec<_> = pattern.into_iter().collect();
    if let Some(TokenTree::Punct(last)) = trees.last_mut() {
        let span = last.span();
        *last = Punct::new(last.as_char(), Spacing::Alone);
        last.set_span(span);
    }
    trees.into_iter().collect()
}

/// Whether a token, or a run of tokens, for which `found` is true is somewhere in the stream.
pub(crate) fn contains(tokens: &TokenStream, found: &impl Fn(&[TokenTree]) -> bool) -> bool {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    (0..trees.len()).any(|start| {
        found(&trees[start..])
            || matches!(&trees[start], TokenTree::Group(group) if contains(&group.stream(), found))
    })
}

/// How many groups in groups are parsed. A parser calls itself for each, and with more would leave its stack.
pub(crate) const DEEPEST: usize = 128;

/// The first group that is nested too deeply to be parsed. What is in a macro is not: it is nothing but tokens to a parser.
pub(crate) fn too_deep(tokens: &TokenStream) -> Option<TokenTree> {
    fn deeper(tokens: TokenStream, left: usize) -> Option<TokenTree> {
        let trees: Vec<_> = tokens.into_iter().collect();
        trees.iter().enumerate().find_map(|(at, tree)| {
            let TokenTree::Group(group) = tree else { return None };
            let in_macro = matches!(&trees[..at], [.., TokenTree::Ident(_), bang] if is_punct(bang, '!'));
            match left {
                _ if in_macro => None,
                0 => Some(tree.clone()),
                left => deeper(group.stream(), left - 1),
            }
        })
    }
    deeper(tokens.clone(), DEEPEST)
}

pub(crate) fn has_jump(tokens: &TokenStream) -> bool {
    contains(tokens, &|trees| is_ident(&trees[0], "break") || is_ident(&trees[0], "continue"))
}

/// Whether the body may return from the enclosing function: by itself, or in a macro.
pub(crate) fn may_return(tokens: &TokenStream) -> bool {
    contains(tokens, &|trees| match trees {
        [TokenTree::Ident(_), bang, TokenTree::Group(_), ..] if is_punct(bang, '!') => true,
        [first, ..] => is_ident(first, "return") || is_punct(first, '?'),
        [] => false,
    })
}

/// The first token by which a body awaits in its own name, not in that of an async block, closure or function in it.
pub(crate) fn awaits(tokens: &TokenStream) -> Option<TokenTree> {
    let mut trees = tokens.clone().into_iter().peekable();
    while let Some(tree) = trees.next() {
        if is_ident(&tree, "async") {
            // Up to the end of its body, in braces. A closure may have none, and ends with its expression; the commas of its
            // parameters, and of a function's, do not end it.
            let mut parameters = false;
            let mut function = false;
            for skipped in trees.by_ref() {
                parameters ^= is_punct(&skipped, '|');
                function |= is_ident(&skipped, "fn");
                let ends = is_punct(&skipped, ',') || is_punct(&skipped, ';');
                if is_brace(&skipped) || (ends && !parameters && !function) {
                    break;
                }
            }
            continue;
        }
        if is_punct(&tree, '.') && trees.peek().is_some_and(|next| is_ident(next, "await")) {
            return trees.next();
        }
        let is_block = is_ident(&tree, "async_with") || is_ident(&tree, "rest_impl");
        if is_block && trees.peek().is_some_and(|next| is_punct(next, '!')) {
            return Some(tree);
        }
        if let TokenTree::Group(group) = &tree {
            if let Some(found) = awaits(&group.stream()) {
                return Some(found);
            }
        }
    }
    None
}

/// The group with another content, at its place.
pub(crate) fn with_content(group: &Group, content: TokenStream) -> TokenTree {
    let mut changed = Group::new(group.delimiter(), content);
    changed.set_span(group.span());
    changed.into()
}
