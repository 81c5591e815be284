//! An `#[enter]` in a closure that cannot await.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ExprAsync, ExprClosure, Local};

use super::mistake;
use crate::expand::ours;
use crate::tokens::too_deep;

/// Puts a mistake in the place of each `#[enter]` in a closure that cannot await.
///
/// For that the body is parsed. If it does not parse, it is being typed, and rustc finds the `await` in the closure.
pub(super) fn outside_of_closures(body: TokenStream) -> TokenStream {
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
