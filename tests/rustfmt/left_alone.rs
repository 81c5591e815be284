//! Blocks that rustfmt leaves as they are: the arrow, and patterns that could not be types.

use std::io;

use async_with::{async_with, with};

use crate::{LendHere, Named, lend};

pub async fn run() -> io::Result<u32> {
    let mut sum = 0;

    // The arrow.
    async_with!(lend(1) as one => { sum  +=  *one; })?;
    async_with! { lend(2) as two, { sum  +=  *two; } }?;
    with!(LendHere(3) as three => async { sum  +=  *three; })?;

    // Patterns.
    async_with!(lend(4) as mut four, { sum  +=  *four; let mut five = 5; four = &mut five; sum += *four; })?;
    async_with!(lend((6, 6)) as &mut (six, mut seven), { seven  +=  1; sum += six + seven; })?;
    async_with!(lend(Named { left: 8, right: 9 }) as Named { left, right }, { sum  +=  *left + *right; })?;
    async_with!(lend([10, 11]) as [ten, eleven], { sum  +=  *ten + *eleven; })?;
    async_with!(lend((1, 2)) as (one, ..), { sum  -=  *one; })?;
    async_with!(lend([1, 2]) as [one, ..], { sum  -=  *one; })?;
    async_with!(lend(1) as ref one, { sum  -=  **one; })?;
    with!(LendHere(3) as mut two, { sum  +=  *two; let mut zero = 0; two = &mut zero; sum += *two; })?;
    Ok(sum)
}
