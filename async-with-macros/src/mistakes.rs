//! What is wrong with an invocation, and an expansion that says so once.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;

/// The mistakes of one invocation, and what could be read of it nevertheless.
#[derive(Default)]
pub(crate) struct Mistakes {
    found: Vec<(Span, String)>,
    /// The managers of the items.
    pub(crate) managers: Vec<TokenStream>,
    /// The patterns of the items.
    pub(crate) patterns: Vec<TokenStream>,
    /// Whether a name is missing that the body may use, so that it is not compiled.
    pub(crate) names_missing: bool,
    pub(crate) body: TokenStream,
    /// Whether something is missing in a manager, which is there nevertheless: rustc says where.
    pub(crate) unfinished: bool,
    /// Whether an attribute stands on an expression.
    pub(crate) on_expression: bool,
}

impl Mistakes {
    /// What stands for each value that is not there.
    pub(crate) fn name() -> Ident {
        Ident::new("__async_with_mistake", Span::mixed_site())
    }

    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.found.push((span, message.into()));
    }

    pub(crate) fn at(&mut self, tree: &TokenTree, message: impl Into<String>) {
        self.add(opening(tree), message);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Reports every mistake, and keeps the body for the editor.
    ///
    /// ```text
    /// {
    ///     let mistake = compile_error!("…");
    ///     let _ = manager;
    ///     let pattern = mistake;
    ///     let _ = { body };
    ///     mistake
    /// }
    /// ```
    ///
    /// `compile_error!` as an expression has a type that fits everywhere, and so have then the names and the block: nothing
    /// that depends on them is a second error. With a name missing that would not help, and the body is not compiled.
    pub(crate) fn expand(self) -> TokenStream {
        let (mistake, head) = self.head();
        let body = self.body(|body| quote_spanned!(Span::mixed_site()=> let _ = #body;));
        quote_spanned!(Span::mixed_site()=> {
            #head
            #body
            #mistake
        })
    }

    /// Reports every mistake in a function whose body is the block, which the body stays.
    ///
    /// ```text
    /// let mistake = compile_error!("…");
    /// let _ = manager;
    /// let pattern = mistake;
    /// { body }
    /// ```
    pub(crate) fn expand_in_function(self) -> TokenStream {
        let (mistake, head) = self.head();
        let tail = self.names_missing.then_some(&mistake);
        let body = self.body(TokenStream::clone);
        quote_spanned!(Span::mixed_site()=> #head #body #tail)
    }

    /// Reports every mistake beside what an attribute stands on, which stays as it is.
    pub(crate) fn expand_around(mut self, target: TokenStream) -> TokenStream {
        if self.on_expression {
            self.body = target;
            return self.expand();
        }
        let errors =
            self.found.iter().map(|(at, message)| quote_spanned!(*at=> ::core::compile_error! { #message }));
        quote_spanned!(Span::mixed_site()=> #(#errors)* #target)
    }

    /// The reports and the managers.
    fn head(&self) -> (Ident, TokenStream) {
        let span = Span::mixed_site();
        let mistake = Self::name();
        let errors = self.found.iter().map(|(at, message)| {
            let error = quote_spanned!(*at=> ::core::compile_error!(#message));
            quote_spanned!(span=> let #mistake = #error;)
        });
        let managers = &self.managers;
        let head = quote_spanned!(span=> #(#errors)* #(let _ = #managers;)*);
        (mistake, head)
    }

    /// The body, where its names are known.
    fn body(&self, used: impl FnOnce(&TokenStream) -> TokenStream) -> TokenStream {
        let span = Span::mixed_site();
        let mistake = Self::name();
        let (patterns, body) = (&self.patterns, &self.body);
        if body.is_empty() {
            return TokenStream::new();
        }
        let body = used(body);
        if self.names_missing {
            quote_spanned!(span=> #[cfg(any())] { #body })
        } else {
            quote_spanned!(span=> #(let #patterns = #mistake;)* #body)
        }
    }
}

/// The smallest token at which a tree can be shown.
pub(crate) fn opening(tree: &TokenTree) -> Span {
    match tree {
        TokenTree::Group(group) => group.span_open(),
        tree => tree.span(),
    }
}
