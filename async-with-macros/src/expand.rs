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
    pub(crate) fn nested(
        &self,
        flavour: Flavour,
        input: TokenStream,
        around: &mut Rewriter<'_>,
    ) -> Option<TokenStream> {
        let mut block = self.block(parse::invocation(flavour, input).ok()?, true);
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
        let Invocation { flavour, items, body } = invocation;
        let form = if items.len() > 1 { Form::Several } else { Form::One };
        // Later items are in the body of the earlier ones, and may leave it too.
        let returns = may_return(&body.tokens) || items.iter().skip(1).any(|item| may_return(&item.manager));
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
    ///     Flow::Value(product) => policy.leave(product),
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
            let leave = quote_spanned!(at_manager=> leave(product));
            ours!({
                #set_up
                match #run {
                    #private::Flow::Value(product) => #policy.#leave,
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

    /// What stands around the levels, without braces: the way out of the whole, where `leave` is the jump for each way.
    fn outermost(&self, block: &Block, mut leave: impl FnMut(&Way) -> TokenStream) -> TokenStream {
        let private = &self.private;
        let Block { first, returns, run, ways, returned } = block;
        let set_up = first.set_up(self, None);
        let Level { errors, policy, value, .. } = first;
        // With several items the type of the block is not known before the last of them.
        let edge = if first.mode.form == Form::Several { ours!(early) } else { ours!(give) };
        let edge = self.asking_errors(&ours!(#errors.#edge(#private::edge(#policy, &#value))));
        let give = self.asking_errors(&ours!(errors.give(product)));
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
                    #private::Flow::Value(product) => {
                        let errors = product.errors();
                        #give
                    }
                    #private::Flow::Return(value) => #returned,
                    #(#arms)*
                    #private::Flow::Jump(_) => #private::unreachable!(),
                }
            }
        }
    }

    /// Puts a question to an error type: whether anything can fail with it.
    fn asking_errors(&self, question: &TokenStream) -> TokenStream {
        self.asking(&ours!(fallible::*), question)
    }

    /// Puts a question to the probes in `traits`.
    fn asking(&self, traits: &TokenStream, question: &TokenStream) -> TokenStream {
        let private = &self.private;
        ours!({
            #[allow(unused_imports)]
            use #private::#traits;
            #question
        })
    }
}

/// What becomes of the errors of the items, and of the value of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The block has the error type of its only item.
    One,
    /// The block has the error type of the first item that can fail.
    Several,
    /// The block is the body of a function, and all of it is what the function returns.
    Function,
}

/// What the levels of one block have in common.
#[derive(Clone, Copy)]
struct Mode {
    form: Form,
    flavour: Flavour,
    awaits: bool,
    /// Whether the body may return from the enclosing function.
    returns: bool,
    /// Whether the block is expanded in the body of another one.
    nested: bool,
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

/// One item of a block, and the names of its locals.
struct Level {
    item: Item,
    mode: Mode,
    manager: Ident,
    probe: Ident,
    scope: Ident,
    policy: Ident,
    /// The error type of this item.
    errors: Ident,
    /// The error type of the block, as far as it is known with this item.
    block_errors: Ident,
    value: Ident,
    out: Ident,
}

impl Level {
    fn new(expander: &Expander, item: Item, mode: Mode) -> Self {
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
    fn set_up(&self, expander: &Expander, around: Option<&Level>) -> TokenStream {
        let private = &expander.private;
        let Self { item, manager, probe, scope, policy, errors, block_errors, value, .. } = self;
        let expr = &item.manager;
        // The call that has the bound: an error about the manager is shown at the manager.
        let at_manager = Span::mixed_site().located_at(item.span);
        // It is also where the block is, for a `LostError`; of a nested block, and in an attribute, only this span says so.
        let is_here = self.mode.nested || self.mode.form == Form::Function;
        let here = is_here.then(|| quote_spanned!(item.span=> .here()));
        let (kind, policy_value, call) = match self.mode.flavour {
            Flavour::Async => (
                ours!(kind::*),
                expander.asking(&ours!(policy::*), &ours!((&&#probe).policy())),
                quote_spanned!(at_manager=> scope(#manager)),
            ),
            Flavour::Sync => (
                ours!(sync_kind::*),
                ours!(#private::Passes),
                quote_spanned!(at_manager=> sync_scope(#manager)),
            ),
        };
        let kind = expander.asking(&kind, &ours!((&&&#probe).kind()));
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
            let #manager = #expr;
            let #probe = #private::probe(&#manager);
            let mut #scope = #kind.#call #here;
            let #policy = #policy_value;
            let #errors = #scope.errors();
            #block_errors
            #value
        }
    }

    /// Enters, runs what is inside, exits: an expression that says how the level is left.
    fn run(
        &self,
        expander: &Expander,
        returns: &Ident,
        inside: &TokenStream,
        innermost: bool,
        outermost: bool,
    ) -> TokenStream {
        let private = &expander.private;
        let Self { item, mode, probe, scope, policy, errors, block_errors, value, out, .. } = self;
        let pattern = item.pattern.clone().unwrap_or_else(|| ours!(_));
        // A borrow of the value that escapes from the body collides with each later use of the scope. With one span for all
        // of them rustc sees one mistake, and shows it at the name from which the borrow comes.
        let name = item.pattern.clone().and_then(|pattern| pattern.into_iter().next());
        let at_name = Span::mixed_site().located_at(name.map_or(item.span, |name| name.span()));
        let mut scope_at_name = scope.clone();
        scope_at_name.set_span(at_name);
        let bind = ours!(#private::identity(value));
        let bind = quote_spanned!(at_name=> let #pattern = #bind;);
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
            Form::Function => {
                let mut returns = returns.clone();
                returns.set_span(at_manager);
                let lift = quote_spanned!(at_manager=> lift_out(&#returns));
                expander.asking_errors(&ours!(#errors.#lift))
            }
        };
        let slot = match (mode.form, innermost) {
            (Form::One, _) => ours!(#errors.slot(&#value)),
            (Form::Several, true) => ours!(#block_errors.slot(&#value)),
            (Form::Several, false) => ours!(#value.slot()),
            (Form::Function, _) => ours!(#returns.slot()),
        };
        let observe = (mode.returns && mode.flavour == Flavour::Async).then(|| {
            let traits = ours!(observe::*);
            let look = match mode.form {
                Form::Function => ours!(look_at_both(&stop, #out.as_ref())),
                Form::One | Form::Several => ours!(look(&stop)),
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
