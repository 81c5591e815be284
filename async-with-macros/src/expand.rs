//! Draws the expansion of a block.
//!
//! ```text
//! // Input:
//! async_with!(manager as name => { body })
//!
//! // Output, shortened; every path and local is ours:
//! {
//!     let returns = Hint::new();                          // what the enclosing function returns
//!     if false { return returns.never(); }                // … so that it is known early
//!     let manager = manager;
//!     let mut scope = probe.kind().scope(manager);        // the protocol, or the error about it
//!     let value = Hint::new();                            // what the body gives
//!     if false { edge(value) } else {                     // … so that what is expected here is expected there
//!         match match scope.enter().await {
//!             Ok(()) => {
//!                 let mut out = None;
//!                 let ending = {
//!                     let stop = {
//!                         let (value, driver) = scope.open();
//!                         let body = pin!(Some(async {    // resolves by `return` and `?` alone
//!                             if false { return returns.never(); }
//!                             let name = value;
//!                             out = Some({ body });
//!                             match complete().await {}
//!                         }));
//!                         driver.run(body).await
//!                     };
//!                     scope.body_ended();                 // no borrow of the value is left
//!                     Ending::new(stop, &mut out)
//!                 };
//!                 let exited = scope.exit(ending.outcome()).await;
//!                 ending.conclude(out, exited)
//!             }
//!             entered => Flow::Value(entered),            // the error of enter
//!         } {
//!             Flow::Value(value) => value,
//!             Flow::Return(value) => return value,
//!             Flow::Jump(Jump::Break(0)) => break 'label,  // one arm a way out of the body
//!         }
//!     }
//! }
//! ```
//!
//! Several items are blocks in blocks: the body of one is the block of the next, whose flow it passes on.

use std::cell::RefCell;
use std::collections::HashMap;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;

use crate::jumps::{self, Rewriter, Way};
use crate::level::{Form, Level, Mode};
use crate::mistakes::Mistakes;
use crate::parse::{self, Flavour, Invocation, Item};
use crate::tokens::{has_jump, may_return};

/// `quote!` whose names cannot meet those of the user.
macro_rules! ours {
    ($($tokens:tt)*) => {
        quote::quote_spanned!(proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}
pub(crate) use ours;

/// Expands the input of a shim: the path of the facade in parentheses, then what the user wrote.
pub(crate) fn invocation(flavour: Flavour, input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let Some(TokenTree::Group(facade)) = input.next() else {
        unreachable!("the shims pass the path of the facade")
    };
    let expander = Expander::new(&facade.stream());
    match parse::invocation(flavour, input.collect()) {
        Ok(invocation) => {
            let block = expander.outermost(&expander.block(invocation, false), Way::leave);
            ours!({ #block })
        }
        Err(mistakes) => Mistakes::expand(mistakes),
    }
}

/// A block of which the levels are drawn.
struct Block {
    first: Level,
    returns: Ident,
    run: TokenStream,
    /// The ways out of the block that stand in it.
    ways: Vec<Way>,
    /// What becomes of a `return` in it.
    returned: TokenStream,
}

/// What all blocks of one invocation share.
pub(crate) struct Expander {
    /// The path of the hidden module that the expansion calls.
    pub(crate) private: TokenStream,
    /// How often each local has been named: blocks expanded in blocks share a hygiene.
    names: RefCell<HashMap<&'static str, usize>>,
}

impl Expander {
    pub(crate) fn new(facade: &TokenStream) -> Self {
        Self { private: ours!(#facade::__private), names: RefCell::default() }
    }

    /// A new local.
    pub(crate) fn name(&self, what: &'static str) -> Ident {
        let mut names = self.names.borrow_mut();
        let count = names.entry(what).or_default();
        let name = match *count {
            0 => format!("__async_with_{what}"),
            number => format!("__async_with_{what}_{number}"),
        };
        *count += 1;
        Ident::new(&name, Span::mixed_site())
    }

    /// The expansion of a block that stands in the body of another one, if a jump leads out of it; `None` leaves it to rustc.
    ///
    /// Its jumps are drawn as they leave the body around it too: nothing that has been drawn is read again.
    pub(crate) fn nested(&self, invocation: Invocation, around: &mut Rewriter<'_>) -> Option<TokenStream> {
        let mut block = self.block(invocation, true);
        // The first manager is evaluated outside of the nested block, in the body around it.
        let manager = &mut block.first.item.manager;
        if block.ways.is_empty() && !has_jump(manager) {
            return None;
        }
        *manager = around.rewritten(std::mem::take(manager));
        Some(self.outermost(&block, |way| around.pass_on(way)))
    }

    /// Draws a block but for what stands around its levels.
    fn block(&self, invocation: Invocation, nested: bool) -> Block {
        let private = &self.private;
        let Invocation { is_rest, flavour, items, body } = invocation;
        let form = match items.len() {
            1 if is_rest => Form::Rest,
            1 => Form::One,
            _ => Form::Several,
        };
        // Later items are in the body of the earlier ones, and may leave it too.
        let mut later = items.iter().skip(1).map(|item| &item.manager);
        let returns = is_rest || may_return(&body.tokens) || later.any(may_return);
        let mode = Mode { form, flavour, awaits: body.awaits, returns, nested };
        let mut levels: Vec<_> = items.into_iter().map(|item| Level::new(self, item, mode)).collect();
        let mut ways = Vec::new();
        for later in levels.iter_mut().skip(1) {
            let manager = std::mem::take(&mut later.item.manager);
            later.item.manager = jumps::rewrite(manager, &mut ways, self);
        }
        let Some(last) = levels.last() else { unreachable!("an invocation without items is a mistake") };
        let body = jumps::rewrite(body.tokens, &mut ways, self);
        let returned = if returns { ours!(return value) } else { ours!(match value {}) };
        let returns = self.name("returns");

        // From the body outwards: what is inside a level is the block of the next one.
        // The branch that is never taken says what type the body is expected to have; and with it, no code of ours is
        // unreachable after a body that always leaves, which rustc would warn of.
        let Level { out, value, .. } = last;
        let mut inside = ours! {
            #out = #private::Some(#private::Product::of_body(if false { #value.never() } else #body));
            match #private::complete().await {}
        };
        for pair in levels.windows(2).rev() {
            let [around, level] = pair else { unreachable!("windows of two") };
            let innermost = std::ptr::eq(level, last);
            let (set_up, run) =
                (level.set_up(self, Some(around)), level.run(self, &returns, &inside, innermost, false));
            let (Level { out, .. }, Level { policy, value, .. }) = (around, level);
            inside = ours! {
                #set_up
                if false {
                    #out = #private::Some(#private::edge(#policy, &#value));
                }
                match #run {
                    #private::Flow::Value(product) => {
                        #out = #private::Some(product);
                        match #private::complete().await {}
                    }
                    #private::Flow::Return(value) => #returned,
                    #private::Flow::Jump(jump) => match #private::jump(jump).await {},
                }
            };
        }
        let run = levels[0].run(self, &returns, &inside, form == Form::One, true);
        Block { first: levels.swap_remove(0), returns, run, ways, returned }
    }

    /// The expansion of a function whose body is the block: one block in another for each item, of which each gives what the
    /// function returns.
    ///
    /// ```text
    /// let returns = Hint::new();
    /// if false { return returns.never(); }
    /// let manager = manager;                              // … and its scope, as in a block
    /// match match scope.enter().await { … } {             // its errors become what the function returns, by `lift_out`
    ///     Flow::Value(product) => match policy.value(product) { Ok(value) | Err(value) => value },
    ///     Flow::Return(value) => return value,
    ///     Flow::Jump(_) => unreachable!(),
    /// }
    /// ```
    pub(crate) fn function(&self, items: Vec<Item>, body: &TokenStream) -> TokenStream {
        let private = &self.private;
        let mode = Mode {
            form: Form::Function,
            flavour: Flavour::Async,
            awaits: true,
            returns: true,
            nested: false,
        };
        let returns = self.name("returns");
        let levels: Vec<_> = items.into_iter().map(|item| Level::new(self, item, mode)).collect();
        let blocks = levels.iter().rev().fold(body.clone(), |body, level| {
            let Level { item, out, policy, .. } = level;
            let inside = ours! {
                #out = #private::Some(#private::Product::of_body(if false { #returns.never() } else #body));
                match #private::complete().await {}
            };
            let (set_up, run) = (level.set_up(self, None), level.run(self, &returns, &inside, true, true));
            let at_manager = Span::mixed_site().located_at(item.span);
            let value = quote_spanned!(at_manager=> value(product));
            ours!({
                #set_up
                match #run {
                    #private::Flow::Value(product) => match #policy.#value {
                        #private::Ok(value) | #private::Err(value) => value,
                    },
                    #private::Flow::Return(value) => return value,
                    #private::Flow::Jump(_) => #private::unreachable!(),
                }
            })
        });
        ours! {
            let #returns = #private::Hint::new();
            if false {
                return #returns.never();
            }
            #blocks
        }
    }

    /// The expansion of the rest of a block, which is a block itself.
    pub(crate) fn rest(&self, rest: Invocation) -> TokenStream {
        self.outermost(&self.block(rest, false), Way::leave)
    }

    /// What stands around the levels, without braces: the way out of the whole, where `leave` is the jump for each way.
    fn outermost(&self, block: &Block, mut leave: impl FnMut(&Way) -> TokenStream) -> TokenStream {
        let private = &self.private;
        let Block { first, returns, run, ways, returned } = block;
        let set_up = first.set_up(self, None);
        let Level { errors, policy, value, .. } = first;
        let (edge, give) = match first.mode.form {
            Form::Rest => {
                let at_manager = Span::mixed_site().located_at(first.item.span);
                let call = quote_spanned!(at_manager=> value(product));
                let give = ours!(match #policy.#call {
                    #private::Ok(value) => value,
                    #private::Err(failed) => return failed,
                });
                (ours!(#value.never()), give)
            }
            form => {
                // With several items the type of the block is not known before the last of them.
                let edge = if form == Form::Several { ours!(early) } else { ours!(give) };
                let edge = ours!(#errors.#edge(#private::edge(#policy, &#value)));
                let give = self.asking_errors(&ours!({
                    let errors = product.errors();
                    errors.give(product)
                }));
                (self.asking_errors(&edge), give)
            }
        };
        // What the body resolves to is what the enclosing function returns; or nothing ever, if no `return` is in it.
        let early = if first.mode.returns {
            ours!(if false { return #returns.never(); })
        } else {
            ours!(let _: &#private::Hint<#private::Infallible> = &#returns;)
        };
        let values = ways.iter().filter_map(|way| way.value.as_ref());
        let arms = ways.iter().enumerate().map(|(number, way)| way.arm(number, &leave(way), private));
        ours! {
            let #returns = #private::Hint::new();
            #early
            #(let mut #values = #private::None;)*
            #set_up
            if false {
                #edge
            } else {
                match #run {
                    #private::Flow::Value(product) => #give,
                    #private::Flow::Return(value) => #returned,
                    #(#arms)*
                    #private::Flow::Jump(_) => #private::unreachable!(),
                }
            }
        }
    }

    /// Puts a question to an error type: whether anything can fail with it.
    pub(crate) fn asking_errors(&self, question: &TokenStream) -> TokenStream {
        self.asking(&ours!(fallible::*), question)
    }

    /// Puts a question to the probes in `traits`.
    pub(crate) fn asking(&self, traits: &TokenStream, question: &TokenStream) -> TokenStream {
        let private = &self.private;
        ours!({
            #[allow(unused_imports)]
            use #private::#traits;
            #question
        })
    }
}
