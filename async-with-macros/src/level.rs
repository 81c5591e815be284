//! One item of a block: its manager, its name, and what is drawn of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

use crate::expand::{Expander, ours};
use crate::parse::{Flavour, Item};
use crate::tokens::before_equals;

/// What becomes of the errors of the items, and of the value of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The block has the error type of its only item.
    One,
    /// The block has the error type of the first item that can fail.
    Several,
    /// The block is the rest of one of the user's: its value is that of the body, and errors are what the function returns.
    Rest,
    /// The block is the body of a function, and all of it is what the function returns.
    Function,
}

impl Form {
    fn is_of_an_attribute(self) -> bool {
        matches!(self, Form::Rest | Form::Function)
    }
}

/// What the levels of one block have in common.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) form: Form,
    pub(crate) flavour: Flavour,
    pub(crate) awaits: bool,
    /// Whether the body may return from the enclosing function.
    pub(crate) returns: bool,
    /// Whether the block is expanded in the body of another one.
    pub(crate) nested: bool,
}

/// One item of a block, and the names of its locals.
pub(crate) struct Level {
    pub(crate) item: Item,
    pub(crate) mode: Mode,
    pub(crate) manager: Ident,
    pub(crate) probe: Ident,
    pub(crate) scope: Ident,
    pub(crate) policy: Ident,
    /// The error type of this item.
    pub(crate) errors: Ident,
    /// The error type of the block, as far as it is known with this item.
    pub(crate) block_errors: Ident,
    pub(crate) value: Ident,
    pub(crate) out: Ident,
}

impl Level {
    pub(crate) fn new(expander: &Expander, item: Item, mode: Mode) -> Self {
        Self {
            item,
            mode,
            manager: expander.name("manager"),
            probe: expander.name("probe"),
            scope: expander.name("scope"),
            policy: expander.name("policy"),
            errors: expander.name("errors"),
            block_errors: expander.name("block_errors"),
            value: expander.name("value"),
            out: expander.name("out"),
        }
    }

    /// Evaluates the manager, and finds out what it can do.
    pub(crate) fn set_up(&self, expander: &Expander, around: Option<&Level>) -> TokenStream {
        let private = &expander.private;
        let Self { item, manager, probe, scope, policy, errors, block_errors, value, .. } = self;
        let expr = &item.manager;
        // The call that has the bound: an error about the manager is shown at the manager.
        let at_manager = Span::mixed_site().located_at(item.span);
        // It is also where the block is, for a `LostError`; of a nested block, and in an attribute, only this span says so.
        let is_here = self.mode.nested || self.mode.form.is_of_an_attribute();
        let here = is_here.then(|| quote_spanned!(item.span=> .here()));
        let (kind, policy_value, call) = match self.mode.flavour {
            Flavour::Async => (
                ours!(kind::*),
                expander.asking(&ours!(policy::*), &ours!((&&#probe).policy())),
                if self.mode.form.is_of_an_attribute() {
                    quote_spanned!(at_manager=> scope_in_function(#manager))
                } else {
                    quote_spanned!(at_manager=> scope(#manager))
                },
            ),
            Flavour::Sync => (
                ours!(sync_kind::*),
                ours!(#private::Passes),
                quote_spanned!(at_manager=> sync_scope(#manager)),
            ),
        };
        let kind = expander.asking(&kind, &ours!((&&&#probe).kind()));
        let mut manager_here = manager.clone();
        manager_here.set_span(at_manager);
        let block_errors = (self.mode.form == Form::Several).then(|| {
            let known = if let Some(Level { block_errors: before, .. }) = around {
                expander.asking_errors(&ours!(#before.then(&#errors)))
            } else {
                ours!(#scope.errors())
            };
            ours!(let #block_errors = #known;)
        });
        let value = (self.mode.form != Form::Function).then(|| ours!(let #value = #private::Hint::new();));
        ours! {
            let #manager_here = #expr;
            let #probe = #private::probe(&#manager);
            let mut #scope = #kind.#call #here;
            let #policy = #policy_value;
            let #errors = #scope.errors();
            #block_errors
            #value
        }
    }

    /// Enters, runs what is inside, exits: an expression that says how the level is left.
    pub(crate) fn run(
        &self,
        expander: &Expander,
        returns: &Ident,
        inside: &TokenStream,
        innermost: bool,
        outermost: bool,
    ) -> TokenStream {
        let private = &expander.private;
        let Self { item, mode, probe, scope, policy, errors, block_errors, value, out, .. } = self;
        let attributes = &item.attributes;
        let pattern = item.pattern.clone().map_or_else(|| ours!(_), before_equals);
        // A borrow of the value that escapes from the body collides with each later use of the scope. With one span for all
        // of them rustc sees one mistake, and shows it at the name from which the borrow comes.
        let name = item.pattern.clone().and_then(|pattern| pattern.into_iter().next());
        let at_name = Span::mixed_site().located_at(name.map_or(item.span, |name| name.span()));
        let mut scope_at_name = scope.clone();
        scope_at_name.set_span(at_name);
        let bind = ours!(#private::identity(value));
        let bind = quote_spanned!(at_name=> #attributes let #pattern = #bind;);
        let open = quote_spanned!(at_name=> #scope_at_name.open());
        let body_ended = quote_spanned!(at_name=> #scope_at_name.body_ended());
        let scope_again = quote_spanned!(at_name=> &mut #scope_at_name);
        let (enter_await, exit) = match mode {
            Mode { flavour: Flavour::Async, .. } => (Some(ours!(.await)), ours!(exit)),
            Mode { awaits: true, .. } => (None, ours!(exit_after_nested)),
            _ => (None, ours!(exit)),
        };
        let exit = quote_spanned!(at_name=> #scope_at_name.#exit(ending.outcome()));
        let exit_await = mode.awaits.then(|| ours!(.await));
        let run = if mode.awaits { ours!(run(body).await) } else { ours!(run_now(body)) };
        let at_manager = Span::mixed_site().located_at(item.span);
        let lift = match mode.form {
            Form::One => ours!(#private::identity),
            Form::Several => {
                let mut block_errors = block_errors.clone();
                block_errors.set_span(at_manager);
                let lift = quote_spanned!(at_manager=> lift(&#block_errors));
                expander.asking_errors(&ours!(#errors.#lift))
            }
            Form::Rest | Form::Function => {
                let mut returns = returns.clone();
                returns.set_span(at_manager);
                let lift = quote_spanned!(at_manager=> lift_out(&#returns));
                expander.asking_errors(&ours!(#errors.#lift))
            }
        };
        let slot = match (mode.form, innermost) {
            (Form::One, _) => ours!(#errors.slot(&#value)),
            (Form::Several, true) => ours!(#block_errors.slot(&#value)),
            (Form::Several, false) | (Form::Rest, _) => ours!(#value.slot()),
            (Form::Function, _) => ours!(#returns.slot()),
        };
        let observe = (mode.returns && mode.flavour == Flavour::Async).then(|| {
            let traits = ours!(observe::*);
            let look = match mode.form {
                Form::Function => ours!(look_at_both(&stop, #out.as_ref())),
                Form::One | Form::Several | Form::Rest => ours!(look(&stop)),
            };
            let tell =
                expander.asking(&traits, &ours!((&&&&&&(&&#probe).observer().#look).tell(#scope_again)));
            ours! {
                let told = #tell;
                let stop = stop.observed(told);
            }
        });
        // The error of an item inside has others around it to pass.
        let conclude = if outermost { ours!(conclude) } else { ours!(conclude_inside) };
        // A `let` whose initialiser awaits holds its place in the future beside the body. So the ending, which is needed while
        // the exit is awaited, is bound by a `match` after the body is gone.
        ours!({
            let lift = #lift;
            match #scope.enter() #enter_await {
                #private::Ok(()) => {
                    let mut #out = #slot;
                    match {
                        let stop = {
                            let (value, driver) = #open;
                            let body = #private::pin!(#private::Some(async {
                                if false {
                                    return #returns.never();
                                }
                                #bind
                                #inside
                            }));
                            driver.#run
                        };
                        #body_ended;
                        #observe
                        #private::Ending::new(&#policy, #scope_again, stop, &mut #out)
                    } {
                        ending => {
                            let exited = #exit #exit_await;
                            ending.#conclude(#out, exited, lift)
                        }
                    }
                }
                entered => #private::Flow::Value(#private::Product::not_entered(entered, lift)),
            }
        })
    }
}
