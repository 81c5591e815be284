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
    /// Whether a name is missing that the body may use.
    pub(crate) names_missing: bool,
    pub(crate) body: TokenStream,
}

impl Mistakes {
    pub(crate) fn add(&mut self, span: Span, message: impl Into<String>) {
        self.found.push((span, message.into()));
    }

    pub(crate) fn at(&mut self, tree: &TokenTree, message: impl Into<String>) {
        let span = match tree {
            TokenTree::Group(group) => group.span_open(),
            tree => tree.span(),
        };
        self.add(span, message);
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
        let span = Span::mixed_site();
        let mistake = Ident::new("__async_with_mistake", span);
        let errors = self.found.iter().map(|(at, message)| {
            let error = quote_spanned!(*at=> ::core::compile_error!(#message));
            quote_spanned!(span=> let #mistake = #error;)
        });
        let (managers, patterns, body) = (&self.managers, &self.patterns, &self.body);
        let body = if body.is_empty() {
            TokenStream::new()
        } else if self.names_missing {
            quote_spanned!(span=> #[cfg(any())] { let _ = #body; })
        } else {
            quote_spanned!(span=> #(let #patterns = #mistake;)* let _ = #body;)
        };
        quote_spanned!(span=> {
            #(#errors)*
            #(let _ = #managers;)*
            #body
            #mistake
        })
    }
}
