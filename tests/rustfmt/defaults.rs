//! Blocks in the comma form, formatted by nobody.

use std::io;

use async_with::{async_with, with, within};

use crate::{Lend, LendHere, Named, Point, lend};

pub async fn run() -> io::Result<Vec<u32>> {
    let mut out = Vec::new();
    items(&mut out).await?;
    patterns(&mut out).await?;
    expressions(&mut out).await?;
    jumps(&mut out).await?;
    synchronous(&mut out)?;
    out.push(within_a_block().await?);
    taken_apart(&mut out).await?;
    Ok(out)
}

async fn items(out: &mut Vec<u32>) -> io::Result<()> {
    // One item, several, and more than a line of them.
    async_with!(lend(1) as one, {
        out.push(*one);
    })?;
    async_with!(lend(2) as two, lend(*two + 1) as three, {
        out.push(*two);
        // A comment of the body.
        out.push(*three); // another
    })?;
    async_with!(
        lend(4) as a_long_name_for_a_small_number,
        lend(*a_long_name_for_a_small_number + 1) as another_long_name,
        {
            out.push(*a_long_name_for_a_small_number);
            out.push(*another_long_name);
        }
    )?;
    async_with!(
        lend(6) as six, // a comment of the head
        lend(7) as seven,
        {
            out.push(*six + *seven - 7);
            out.push(*seven);
        }
    )?;
    async_with!(Lend { value: Some(8) } as eight, { out.push(*eight) })?;

    // Without a name.
    async_with!(lend(9), {
        out.push(9);
    })?;
    async_with!(lend(10), lend(10), {
        out.push(10);
    })
}

async fn patterns(out: &mut Vec<u32>) -> io::Result<()> {
    async_with!(lend((11, 12)) as (eleven, twelve), {
        out.push(*eleven);
        out.push(*twelve);
    })?;
    async_with!(lend(Point(13, 14)) as Point(thirteen, fourteen), {
        out.push(*thirteen);
        out.push(*fourteen);
    })?;
    async_with!(lend((Point(15, 0), 16)) as (Point(fifteen, _), sixteen), {
        out.push(*fifteen);
        out.push(*sixteen);
    })?;
    async_with!(lend([17]) as [seventeen], {
        out.push(*seventeen);
    })?;
    async_with!(lend(18) as &mut eighteen, {
        out.push(eighteen);
    })?;
    async_with!(lend(19) as _, {
        out.push(19);
    })
}

async fn expressions(out: &mut Vec<u32>) -> io::Result<()> {
    let twenty = async_with!(lend(20) as number, {
        tokio::task::yield_now().await;
        *number
    })?;
    out.push(twenty);
    out.push(async_with!(lend(21) as number, {
        let doubled = twice(*number).await?;
        doubled / 2
    })?);
    let next = async_with!(lend(21) as number, { *number })
        .map(|number| number + 1)
        .unwrap_or_default();
    out.push(match next {
        22 => async_with!(lend(22) as number, {
            tokio::task::yield_now().await;
            *number
        })?,
        _ => 0,
    });
    Ok(())
}

async fn twice(number: u32) -> io::Result<u32> {
    async_with!(lend(number) as number, {
        return Ok(*number * 2);
    })?
}

/// One block in the other, with ways out of both.
async fn jumps(out: &mut Vec<u32>) -> io::Result<()> {
    'outer: for number in 23..30 {
        async_with!(lend(number) as number, {
            if *number == 25 {
                continue 'outer;
            }
            async_with!(lend(*number) as inner, {
                if *inner == 27 {
                    break 'outer;
                }
                out.push(*inner);
            })?;
        })?;
    }
    Ok(())
}

fn synchronous(out: &mut Vec<u32>) -> io::Result<()> {
    with!(LendHere(27) as number, {
        out.push(*number);
    })?;
    with!(
        LendHere((28, 29)) as (one, other),
        LendHere(*other + 1) as next,
        {
            out.push(*one);
            out.push(*other);
            out.push(*next);
        }
    )
}

// What is in the parentheses of an attribute is not formatted; the function is.
#[within(lend(31) as number)]
async fn within_a_block() -> io::Result<u32> {
    let number = *number;
    Ok(number)
}

/// What rustfmt could not read behind `as`.
async fn taken_apart(out: &mut Vec<u32>) -> io::Result<()> {
    async_with!(
        lend(Named {
            left: 32,
            right: 33
        }) as named,
        {
            let Named { left, right } = named;
            out.push(*left);
            out.push(*right);
        }
    )?;
    async_with!(lend(34) as number, {
        let mut number = number;
        out.push(*number);
        let mut next = 35;
        number = &mut next;
        out.push(*number);
    })
}
