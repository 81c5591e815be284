//! The function that an attribute stands on. Its signature is kept as it is, and its body as tokens.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::mistakes::Mistakes;
use crate::parse::in_our_braces;
use crate::tokens::{awaits, brace, contains, is_brace, is_ident, is_punct, stream};

/// A function with a body.
pub(crate) struct Function {
    /// From the outside in: what stands before the braces of the body, and the braces. There is more than one such pair in
    /// what `#[async_trait]` makes of an async function: `fn f() { Box::pin(async move { … }) }`.
    shell: Vec<(TokenStream, Group)>,
    /// `#![…]` at the beginning of the body, where it must stay.
    inner_attributes: TokenStream,
    pub(crate) body: TokenStream,
}

const QUALIFIERS: [&str; 6] = ["default", "const", "async", "unsafe", "safe", "extern"];

impl Function {
    /// Finds the body of the function that the attribute `name` stands on; `None` if there is no such thing.
    pub(crate) fn parse(name: &str, trees: &[TokenTree], mistakes: &mut Mistakes) -> Option<Self> {
        let item = &trees[start_of_item(trees)..];
        let is_qualifier = |tree: &&TokenTree| {
            matches!(tree, TokenTree::Literal(_)) || QUALIFIERS.iter().any(|word| is_ident(tree, word))
        };
        let (qualifiers, rest) = item.split_at(item.iter().take_while(is_qualifier).count());
        let Some(r#fn) = rest.first().filter(|tree| is_ident(tree, "fn")) else {
            not_a_function(name, trees, item, rest, mistakes);
            return None;
        };
        let Some((last, before)) = trees.split_last() else { unreachable!("there is a `fn`") };
        let Some(braces) = brace(last) else {
            mistakes.at(
                last,
                format!("this function has no body to be the block: put `{name}` where it is implemented"),
            );
            return None;
        };

        let mut shell = vec![(stream(before), braces)];
        if !qualifiers.iter().any(|tree| is_ident(tree, "async")) {
            if let Some(inner) = boxed_future(&shell[0].1) {
                shell.extend(inner);
            } else {
                let body = shell[0].1.stream();
                not_async(name, qualifiers, r#fn, &body, mistakes);
            }
        }
        let Some((_, braces)) = shell.last() else { unreachable!("it has not become shorter") };
        let content: Vec<_> = braces.stream().into_iter().collect();
        let (inner_attributes, body) = content.split_at(inner_attributes(&content));
        let mut block = Group::new(Delimiter::Brace, stream(body));
        block.set_span(braces.span());
        let body = in_our_braces(TokenTree::from(block).into());
        Some(Self { inner_attributes: stream(inner_attributes), body, shell })
    }

    /// The function with other statements in its body.
    pub(crate) fn with_body(self, body: TokenStream) -> TokenStream {
        let mut content = self.inner_attributes;
        content.extend(body);
        self.shell.into_iter().rfold(content, |content, (mut before, group)| {
            let mut filled = Group::new(group.delimiter(), content);
            filled.set_span(group.span());
            before.extend([TokenTree::from(filled)]);
            before
        })
    }
}

/// Takes the further attributes off for which `wanted` gives something, of which it is told the path and the rest.
pub(crate) fn take_attributes<T>(
    trees: &mut Vec<TokenTree>,
    wanted: impl Fn(&[TokenTree], &TokenTree) -> Option<T>,
) -> Vec<T> {
    let mut taken = Vec::new();
    let mut at = 0;
    while let Some(content) = attribute(&trees[at..]) {
        let content: Vec<_> = content.into_iter().collect();
        match content.split_last().and_then(|(last, path)| wanted(path, last)) {
            Some(found) => {
                taken.push(found);
                trees.drain(at..at + 2);
            }
            None => at += 2,
        }
    }
    taken
}

/// What is in the brackets of an attribute, if the tokens begin with one.
pub(crate) fn attribute(trees: &[TokenTree]) -> Option<TokenStream> {
    match trees {
        [hash, TokenTree::Group(group), ..]
            if is_punct(hash, '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group.stream())
        }
        _ => None,
    }
}

/// How many tokens the attributes and the visibility are.
fn start_of_item(trees: &[TokenTree]) -> usize {
    let mut at = 0;
    while attribute(&trees[at..]).is_some() {
        at += 2;
    }
    match &trees[at..] {
        [r#pub, TokenTree::Group(group), ..]
            if is_ident(r#pub, "pub") && group.delimiter() == Delimiter::Parenthesis =>
        {
            at + 2
        }
        [r#pub, ..] if is_ident(r#pub, "pub") => at + 1,
        // A `$vis` of a `macro_rules!`.
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::None => at + 1,
        _ => at,
    }
}

/// How many tokens the `#![…]` at the beginning are.
fn inner_attributes(trees: &[TokenTree]) -> usize {
    let is_attribute = |three: &&[TokenTree]| {
        is_punct(&three[0], '#') && is_punct(&three[1], '!') && matches!(three[2], TokenTree::Group(_))
    };
    3 * trees.chunks_exact(3).take_while(is_attribute).count()
}

/// What is around the body in `Box::pin(async move { … })`, when that is all of a function.
fn boxed_future(braces: &Group) -> Option<[(TokenStream, Group); 2]> {
    let content: Vec<_> = braces.stream().into_iter().collect();
    let (TokenTree::Group(argument), path) = content.split_last()? else { return None };
    let future: Vec<_> = argument.stream().into_iter().collect();
    let (block, keywords) = future.split_last()?;
    let is_path = path.iter().all(|tree| matches!(tree, TokenTree::Ident(_)) || is_punct(tree, ':'));
    let is_pin = matches!(path, [.., r#box, _, _, pin] if is_ident(r#box, "Box") && is_ident(pin, "pin"));
    let is_async = matches!(keywords, [r#async, ..] if is_ident(r#async, "async"));
    let block = brace(block).filter(|_| is_path && is_pin && is_async)?;
    Some([(stream(path), argument.clone()), (stream(keywords), block)])
}

fn not_a_function(
    name: &str,
    trees: &[TokenTree],
    item: &[TokenTree],
    rest: &[TokenTree],
    mistakes: &mut Mistakes,
) {
    const ITEMS: [&str; 11] =
        ["enum", "impl", "macro_rules", "mod", "static", "struct", "trait", "type", "union", "use", "const"];
    let Some(first) = item.first().or(trees.last()) else { return };
    let mut here = rest.iter().chain([first]);
    let what = here.find_map(|tree| ITEMS.into_iter().find(|word| is_ident(tree, word)));
    let message = format!("`{name}` is for an `async fn`, whose body becomes the block");
    mistakes.on_expression = what.is_none() && !is_ident(first, "extern");
    mistakes.at(
        first,
        match what {
            Some(what @ ("impl" | "trait" | "mod")) => {
                format!("{message}: put it on each `async fn` in this `{what}`")
            }
            Some(what) => format!("{message}, not for this `{what}`"),
            None => format!("{message}; for a part of a function there is `async_with!`"),
        },
    );
}

fn not_async(
    name: &str,
    qualifiers: &[TokenTree],
    r#fn: &TokenTree,
    body: &TokenStream,
    mistakes: &mut Mistakes,
) {
    let is_const = qualifiers.iter().find(|tree| is_ident(tree, "const"));
    // What does not compile in such a function is left out, so that it is no second error.
    mistakes.names_missing |= is_const.is_some() || awaits(body).is_some();
    if let Some(r#const) = is_const {
        mistakes.managers.clear();
        mistakes.at(r#const, format!("`{name}` awaits, which a `const fn` cannot: make it an `async fn`"));
        return;
    }
    let is_async_block = |trees: &[TokenTree]| {
        matches!(trees, [r#async, next, ..]
            if is_ident(r#async, "async") && (is_brace(next) || is_ident(next, "move")))
    };
    let remedy = if awaits(body).is_some() {
        "make this an `async fn`".to_owned()
    } else if contains(body, &is_async_block) {
        format!(
            "make this an `async fn`; if an attribute above has taken the `async` away, as `#[tokio::main]` does, put \
             `{name}` above that"
        )
    } else {
        "make this an `async fn`; for managers that need no awaiting there is `with!`".to_owned()
    };
    mistakes.at(r#fn, format!("`{name}` awaits: {remedy}"));
}
