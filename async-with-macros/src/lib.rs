#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// How to find your way: `parse` reads an invocation and knows the grammar and its mistakes, `expand` draws the expansion,
// `level` what is drawn of one of its items, `jumps` rewrites the `break`s and `continue`s that cross a block, `unfinished` fills
// in what is missing in code that is being typed. `within` and `scoped` read the attributes of these names, and `function` what
// they stand on. Parsing never expands, expanding never parses.

mod expand;
mod facade;
mod function;
#[cfg(test)]
mod half_typed;
#[cfg(test)]
mod hostile;
mod jumps;
mod level;
mod mistakes;
mod parse;
mod scoped;
#[cfg(test)]
mod snapshots;
mod tokens;
mod unfinished;
mod within;

use proc_macro::TokenStream;

use crate::parse::Flavour;

// Not public API: called by `async_with!`, with the path of the facade in front.
#[doc(hidden)]
#[proc_macro]
pub fn async_with_impl(input: TokenStream) -> TokenStream {
    expand::invocation(Flavour::Async, input.into()).into()
}

// Not public API: called by `with!`, with the path of the facade in front.
#[doc(hidden)]
#[proc_macro]
pub fn with_impl(input: TokenStream) -> TokenStream {
    expand::invocation(Flavour::Sync, input.into()).into()
}

// Documented where `async-with` exports it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn within(head: TokenStream, function: TokenStream) -> TokenStream {
    within::attribute(head.into(), function.into()).into()
}

// Not public API: `#[scoped]` puts it where the rest of a block is.
#[doc(hidden)]
#[proc_macro]
pub fn rest_impl(input: TokenStream) -> TokenStream {
    scoped::rest(input.into()).into()
}

// Documented where `async-with` exports it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn scoped(head: TokenStream, function: TokenStream) -> TokenStream {
    scoped::attribute(head.into(), function.into()).into()
}

// Documented where `async-with` exports it.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn enter(_head: TokenStream, statement: TokenStream) -> TokenStream {
    scoped::outside(statement.into()).into()
}
