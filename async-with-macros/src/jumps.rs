//! Rewrites the `break`s and `continue`s of a body that lead out of it.
//!
//! The body becomes an async block, which a jump cannot leave. So the body says which way it wants to go, and the jump is
//! made outside, after the exit:
//!
//! ```text
//! // Input:  break 'outer 5
//! // Output: { way_0 = Some(5); match jump(Jump::Break(0)).await {} }
//! // and outside of the async block: Flow::Jump(Jump::Break(0)) => break 'outer way_0.unwrap(),
//! ```
//!
//! A body without these words is not even parsed. A jump in a macro other than ours and `select!`, or in a body that is nested
//! too deeply to be parsed, is left alone; rustc refuses it (E0267).

use proc_macro2::{Delimiter, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::token::Brace;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, Expr, ExprBlock, Label, Lifetime, Macro, Pat, Stmt, Token};

use crate::expand::{Expander, ours};
use crate::parse::{self, Flavour};
use crate::scoped;
use crate::tokens::{has_jump, too_deep};
use crate::unfinished::{with_ends, without_ends};

/// A way out of the body into the code around it.
pub(crate) struct Way {
    leave: Leave,
    label: Option<Lifetime>,
    /// Where the value of a `break` waits for the exit.
    pub(crate) value: Option<Ident>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Break,
    Continue,
}

impl Way {
    /// The `Jump` by which the body names way `number`.
    fn name(&self, number: usize, private: &TokenStream) -> TokenStream {
        let number = Literal::usize_unsuffixed(number);
        match self.leave {
            Leave::Break => ours!(#private::Jump::Break(#number)),
            Leave::Continue => ours!(#private::Jump::Continue(#number)),
        }
    }

    /// The jump as the user has written it; its value is `value`.
    pub(crate) fn leave(&self) -> TokenStream {
        let Self { label, .. } = self;
        match (self.leave, &self.value) {
            (Leave::Break, Some(_)) => ours!(break #label value),
            (Leave::Break, None) => ours!(break #label),
            (Leave::Continue, _) => ours!(continue #label),
        }
    }

    /// The arm that goes this way by `leave`, outside of the body.
    pub(crate) fn arm(&self, number: usize, leave: &TokenStream, private: &TokenStream) -> TokenStream {
        let name = self.name(number, private);
        match (self.leave, &self.value) {
            (Leave::Break, Some(place)) => ours!(#private::Flow::Jump(#name) => match #place {
                #private::Some(value) => #leave,
                #private::None => #private::unreachable!(),
            },),
            (Leave::Break, None) => ours!(#private::Flow::Jump(#name) => #leave,),
            // The user has written it where it is needed.
            (Leave::Continue, _) => ours!(
                #[allow(clippy::needless_continue)]
                #private::Flow::Jump(#name) => #leave,
            ),
        }
    }
}

/// Rewrites the jumps of `code` that lead out of it, and adds them to `ways`.
pub(crate) fn rewrite(code: TokenStream, ways: &mut Vec<Way>, expander: &Expander) -> TokenStream {
    Rewriter { expander, ways, in_loop: false, labels: Vec::new() }.rewritten(code)
}

pub(crate) struct Rewriter<'a> {
    expander: &'a Expander,
    ways: &'a mut Vec<Way>,
    /// Whether a loop of the body is around, which takes the jumps without a label.
    in_loop: bool,
    /// The labels of the body that are around.
    labels: Vec<Lifetime>,
}

impl Rewriter<'_> {
    /// Rewrites an expression that is there as tokens, if there is something to rewrite and it parses.
    pub(crate) fn rewritten(&mut self, tokens: TokenStream) -> TokenStream {
        if !has_jump(&tokens) || too_deep(&tokens).is_some() {
            return tokens;
        }
        if let Ok(mut expr) = syn::parse2::<Expr>(tokens.clone()) {
            self.visit_expr_mut(&mut expr);
            return expr.into_token_stream();
        }
        let Ok(mut expr) = syn::parse2::<Expr>(with_ends(tokens.clone())) else { return tokens };
        self.visit_expr_mut(&mut expr);
        without_ends(expr.into_token_stream())
    }

    /// A way out of a block nested in the body: a jump in the body, which may lead out of it in turn.
    pub(crate) fn pass_on(&mut self, way: &Way) -> TokenStream {
        if self.stays_inside(way.label.as_ref()) {
            return way.leave();
        }
        let value = way.value.is_some().then(|| ours!(value));
        let jump = self.jump(way.leave, way.label.clone(), value.as_ref());
        ours!({ #jump })
    }

    fn within(&mut self, label: Option<&Label>, is_loop: bool, visit: impl FnOnce(&mut Self)) {
        let outer = (self.in_loop, self.labels.len());
        self.in_loop |= is_loop;
        self.labels.extend(label.map(|label| label.name.clone()));
        visit(self);
        self.in_loop = outer.0;
        self.labels.truncate(outer.1);
    }

    fn stays_inside(&self, label: Option<&Lifetime>) -> bool {
        label.map_or(self.in_loop, |label| self.labels.contains(label))
    }

    /// The jump in the form that leaves the body.
    fn jump(&mut self, leave: Leave, label: Option<Lifetime>, value: Option<&TokenStream>) -> TokenStream {
        let private = &self.expander.private;
        // Each value has a way of its own, where it may become what is expected of it.
        let same = |way: &Way| way.leave == leave && way.label == label && way.value.is_none();
        let known = if value.is_some() { None } else { self.ways.iter().position(same) };
        let number = known.unwrap_or_else(|| {
            let value = value.map(|_| self.expander.name("way"));
            self.ways.push(Way { leave, label, value });
            self.ways.len() - 1
        });
        let way = &self.ways[number];
        let name = way.name(number, private);
        let store = way.value.as_ref().map(|place| ours!(#place = #private::Some(#value);));
        ours!(#store match #private::jump(#name).await {})
    }

    /// The expansion of a nested block out of which a jump leads, made on the spot so that the jump is seen; or a `select!`
    /// with its arms rewritten.
    fn look_into(&mut self, attributes: &[Attribute], mac: &mut Macro) -> Option<Expr> {
        if !has_jump(&mac.tokens) {
            return None;
        }
        let block = |flavour| parse::invocation(flavour, mac.tokens.clone()).ok();
        let nested = match &*mac.path.segments.last()?.ident.to_string() {
            "async_with" => block(Flavour::Async)?,
            "with" => block(Flavour::Sync)?,
            "rest_impl" => scoped::nested_rest(mac.tokens.clone())?,
            "select" => {
                let arms = |input: ParseStream<'_>| self.select(input);
                if let Ok(tokens) = arms.parse2(mac.tokens.clone()) {
                    mac.tokens = tokens;
                }
                return None;
            }
            _ => return None,
        };
        let expander = self.expander;
        let nested = expander.nested(nested, self)?;
        Some(in_braces(attributes, nested))
    }

    /// The arms of `tokio::select!`: `pattern = future [, if condition] => handler`, `else => handler`.
    fn select(&mut self, input: ParseStream<'_>) -> syn::Result<TokenStream> {
        let mut output = TokenStream::new();
        if let Some((tree, rest)) = input.cursor().token_tree() {
            if matches!(&tree, TokenTree::Ident(ident) if *ident == "biased") && rest.punct().is_some() {
                let (ident, semicolon): (Ident, Token![;]) = (input.parse()?, input.parse()?);
                output.extend(quote!(#ident #semicolon));
            }
        }
        while !input.is_empty() {
            if let Some(r#else) = input.parse::<Option<Token![else]>>()? {
                r#else.to_tokens(&mut output);
            } else {
                let (pattern, equals) =
                    (Pat::parse_multi_with_leading_vert(input)?, input.parse::<Token![=]>()?);
                let future: Expr = input.parse()?;
                output.extend(quote!(#pattern #equals #future));
                if let Some(comma) = input.parse::<Option<Token![,]>>()? {
                    let (r#if, condition): (Token![if], Expr) = (input.parse()?, input.parse()?);
                    output.extend(quote!(#comma #r#if #condition));
                }
            }
            let (arrow, mut handler): (Token![=>], Expr) = (input.parse()?, handler(input)?);
            self.visit_expr_mut(&mut handler);
            let comma: Option<Token![,]> = input.parse()?;
            output.extend(quote!(#arrow #handler #comma));
        }
        Ok(output)
    }
}

/// A block of what has been drawn, which is not parsed: it may be large, and parsed again for each block around it.
fn in_braces(attributes: &[Attribute], drawn: TokenStream) -> Expr {
    let brace_token = Brace(Span::mixed_site());
    let block = Block { brace_token, stmts: vec![Stmt::Expr(Expr::Verbatim(drawn), None)] };
    Expr::Block(ExprBlock { attrs: attributes.to_vec(), label: None, block })
}

/// A handler in braces ends with them, whatever follows.
fn handler(input: ParseStream<'_>) -> syn::Result<Expr> {
    match input.cursor().group(Delimiter::Brace) {
        Some(_) => Ok(Expr::Block(ExprBlock { attrs: Vec::new(), label: None, block: input.parse()? })),
        None => input.parse(),
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Break(r#break) if !self.stays_inside(r#break.label.as_ref()) => {
                if let Some(value) = &mut r#break.expr {
                    self.visit_expr_mut(value);
                }
                let value = r#break.expr.as_ref().map(ToTokens::to_token_stream);
                let jump = self.jump(Leave::Break, r#break.label.clone(), value.as_ref());
                *expr = in_braces(&r#break.attrs, jump);
            }
            Expr::Continue(r#continue) if !self.stays_inside(r#continue.label.as_ref()) => {
                let jump = self.jump(Leave::Continue, r#continue.label.clone(), None);
                *expr = in_braces(&r#continue.attrs, jump);
            }
            Expr::Loop(r#loop) => {
                let label = r#loop.label.clone();
                self.within(label.as_ref(), true, |this| this.visit_block_mut(&mut r#loop.body));
            }
            Expr::While(r#while) => {
                let label = r#while.label.clone();
                self.within(label.as_ref(), true, |this| {
                    this.visit_expr_mut(&mut r#while.cond);
                    this.visit_block_mut(&mut r#while.body);
                });
            }
            Expr::ForLoop(r#for) => {
                self.visit_expr_mut(&mut r#for.expr);
                let label = r#for.label.clone();
                self.within(label.as_ref(), true, |this| this.visit_block_mut(&mut r#for.body));
            }
            Expr::Block(block) => {
                let label = block.label.clone();
                self.within(label.as_ref(), false, |this| this.visit_block_mut(&mut block.block));
            }
            Expr::Macro(mac) => {
                if let Some(nested) = self.look_into(&mac.attrs, &mut mac.mac) {
                    *expr = nested;
                }
            }
            // No jump leads out of these.
            Expr::Closure(_) | Expr::Async(_) | Expr::Const(_) => {}
            _ => visit_mut::visit_expr_mut(self, expr),
        }
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Stmt::Macro(mac) = stmt {
            if let Some(nested) = self.look_into(&mac.attrs, &mut mac.mac) {
                *stmt = Stmt::Expr(nested, mac.semi_token);
            }
            return;
        }
        visit_mut::visit_stmt_mut(self, stmt);
    }

    fn visit_item_mut(&mut self, _item: &mut syn::Item) {}
}
