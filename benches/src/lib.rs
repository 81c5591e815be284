//! What the benches share: the contenders, and the cases that each of them runs.

pub mod expert;
