//! What the benches share: the contenders, the cases that each of them runs, and where they run.

pub mod cases;
pub mod expert;
pub mod managers;
pub mod stage;

/// How many blocks are counted together, so that what is around them vanishes.
pub const BLOCKS: u32 = 100;
