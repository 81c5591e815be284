//! What the benches of many scopes and of real work share.

pub mod slices;
pub mod statistics;
