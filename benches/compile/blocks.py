"""The source of the generated crates: functions with blocks, through the macro and by hand.

Each kind of function is given in each form. They do the same over the same managers, with the control flow that the form
allows; `Counter` cannot fail, `Transaction` can. Every other function is over managers that are local.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    name: str
    """How many managers it enters: a block each, also when they are items of one."""
    blocks: int
    returns: str
    through_macro: str
    by_hand: str
    """Enter, body, exit, and nothing else: no exit after a panic or a drop, and so only half of what the others do."""
    bare: str


# `$counter` and `$transaction` make a manager, `$expert` is the function for it in `expert.rs`, `$n` a number.
KINDS = [
    Kind(
        "plain",
        1,
        "u64",
        """
    async_with!($counter as count => {
        *count += store.read($n).await;
        *count
    })
""",
        """
    let Ok(count) = $expert($counter, async |count| {
        *count += store.read($n).await;
        *count
    })
    .await;
    count
""",
        """
    let mut manager = $counter;
    let Ok(mut count) = manager.enter().await;
    count += store.read($n).await;
    let value = count;
    let Ok(()) = manager.exit(count, Outcome::Completed).await;
    value
""",
    ),
    Kind(
        "question_mark",
        1,
        "Result<u64, Failure>",
        """
    async_with!($transaction as log => {
        let amount: u64 = text.parse()?;
        store.write(amount).await?;
        log.push(amount);
    })?;
    Ok($n)
""",
        """
    $expert($transaction, async |log| {
        let amount: u64 = text.parse()?;
        store.write(amount).await?;
        log.push(amount);
        Ok::<_, Failure>(())
    })
    .await??;
    Ok($n)
""",
        """
    let mut manager = $transaction;
    let mut log = manager.enter().await?;
    let body = async {
        let amount: u64 = text.parse()?;
        store.write(amount).await?;
        log.push(amount);
        Ok::<_, Failure>(())
    }
    .await;
    let outcome = if body.is_ok() { Outcome::Completed } else { Outcome::Failed };
    let exited = manager.exit(log, outcome).await;
    body?;
    exited?;
    Ok($n)
""",
    ),
    Kind(
        "early_return",
        1,
        "Result<u64, Failure>",
        """
    let read = async_with!($transaction as log => {
        let read = store.read($n).await;
        if read == text.len() as u64 {
            return Ok(read);
        }
        log.push(read);
        read
    })?;
    Ok(read + 1)
""",
        """
    let flow = $expert($transaction, async |log| {
        let read = store.read($n).await;
        if read == text.len() as u64 {
            return ControlFlow::Break(read);
        }
        log.push(read);
        ControlFlow::Continue(read)
    })
    .await?;
    match flow {
        ControlFlow::Break(read) => Ok(read),
        ControlFlow::Continue(read) => Ok(read + 1),
    }
""",
        """
    let mut manager = $transaction;
    let mut log = manager.enter().await?;
    let read = store.read($n).await;
    if read == text.len() as u64 {
        manager.exit(log, Outcome::Returned).await?;
        return Ok(read);
    }
    log.push(read);
    manager.exit(log, Outcome::Completed).await?;
    Ok(read + 1)
""",
    ),
    Kind(
        "break_in_loop",
        1,
        "Result<u64, Failure>",
        """
    let mut sum = 0;
    for (place, digit) in text.bytes().enumerate() {
        async_with!($transaction as log => {
            if digit == b'-' {
                break;
            }
            sum += store.read(place as u64).await;
            log.push(sum);
        })?;
    }
    Ok(sum)
""",
        """
    let mut sum = 0;
    for (place, digit) in text.bytes().enumerate() {
        let flow = $expert($transaction, async |log| {
            if digit == b'-' {
                return ControlFlow::Break(());
            }
            sum += store.read(place as u64).await;
            log.push(sum);
            ControlFlow::Continue(())
        })
        .await?;
        if flow.is_break() {
            break;
        }
    }
    Ok(sum)
""",
        """
    let mut sum = 0;
    for (place, digit) in text.bytes().enumerate() {
        let mut manager = $transaction;
        let mut log = manager.enter().await?;
        if digit == b'-' {
            manager.exit(log, Outcome::Broke).await?;
            break;
        }
        sum += store.read(place as u64).await;
        log.push(sum);
        manager.exit(log, Outcome::Completed).await?;
    }
    Ok(sum)
""",
    ),
    Kind(
        "two_items",
        2,
        "Result<u64, Failure>",
        """
    async_with!($counter as count, $transaction as log => {
        *count += store.read($n).await;
        log.push(*count);
        *count
    })
""",
        """
    let Ok(value) = $expert($counter, async |count| {
        $expert($transaction, async |log| {
            *count += store.read($n).await;
            log.push(*count);
            *count
        })
        .await
    })
    .await;
    value
""",
        """
    let mut outer = $counter;
    let Ok(mut count) = outer.enter().await;
    let value = async {
        let mut inner = $transaction;
        let mut log = inner.enter().await?;
        count += store.read($n).await;
        log.push(count);
        inner.exit(log, Outcome::Completed).await?;
        Ok(count)
    }
    .await;
    let outcome = if value.is_ok() { Outcome::Completed } else { Outcome::Failed };
    let Ok(()) = outer.exit(count, outcome).await;
    value
""",
    ),
    Kind(
        "nested",
        2,
        "Result<u64, Failure>",
        """
    let read = async_with!($transaction as log => {
        let amount: u64 = text.parse()?;
        let count = async_with!($counter as count => {
            *count += store.read(amount).await;
            *count
        });
        log.push(count);
        count
    })?;
    Ok(read + $n)
""",
        """
    let read = $expert($transaction, async |log| {
        let amount: u64 = text.parse()?;
        let Ok(count) = $expert($counter, async |count| {
            *count += store.read(amount).await;
            *count
        })
        .await;
        log.push(count);
        Ok::<_, Failure>(count)
    })
    .await??;
    Ok(read + $n)
""",
        """
    let mut outer = $transaction;
    let mut log = outer.enter().await?;
    let body = async {
        let amount: u64 = text.parse()?;
        let mut inner = $counter;
        let Ok(mut count) = inner.enter().await;
        count += store.read(amount).await;
        let value = count;
        let Ok(()) = inner.exit(count, Outcome::Completed).await;
        log.push(value);
        Ok::<_, Failure>(value)
    }
    .await;
    let outcome = if body.is_ok() { Outcome::Completed } else { Outcome::Failed };
    let exited = outer.exit(log, outcome).await;
    let read = body?;
    exited?;
    Ok(read + $n)
""",
    ),
]

FORMS = {"macro": "through_macro", "hand": "by_hand", "bare": "bare"}

GUARANTEED = {"counter": "Counter($n)", "transaction": "Transaction($n)", "expert": "expert::guaranteed"}
LOCAL = {
    "counter": "LocalCounter(store, $n)",
    "transaction": "LocalTransaction(store, $n)",
    "expert": "expert::local",
}

HEAD = """\
#![allow(unused_imports, unused_variables)]
use async_with::{LocalAsyncContextManager, Outcome, async_with};
use managers::{Counter, Failure, LocalCounter, LocalTransaction, Store, Transaction, expert};
use std::ops::ControlFlow;
"""

PER_ROUND = sum(kind.blocks for kind in KINDS)


def rounds(blocks: int) -> int:
    """How many functions of each kind have about so many blocks."""
    return max(1, blocks // PER_ROUND)


def number(blocks: int) -> int:
    """How many they have."""
    return rounds(blocks) * PER_ROUND


def module(form: str, kind: Kind, count: int) -> str:
    """The functions of one kind, and `call`, which calls each of them."""
    functions, calls = [], []
    for number in range(count):
        text = getattr(kind, FORMS[form])
        for word, replacement in (GUARANTEED, LOCAL)[number % 2].items():
            text = text.replace("$" + word, replacement)
        # Each has a constant of its own, so that no two of them are the same code.
        text = text.replace("$n", str(number + 10))
        name = f"{kind.name}_{number}"
        functions.append(f"pub async fn {name}(store: &Store, text: &str) -> {kind.returns} {{{text}}}\n")
        value = "" if kind.returns == "u64" else ".unwrap_or(0)"
        calls.append(f"    sum = sum.wrapping_add(managers::run(std::pin::pin!({name}(store, text))){value});\n")
    call = f"pub fn call(store: &Store, text: &str) -> u64 {{\n    let mut sum = 0u64;\n{''.join(calls)}    sum\n}}\n"
    return HEAD + "\n" + "\n".join(functions) + "\n" + call


def crate(form: str, blocks: int) -> dict[str, str]:
    """The files of a crate, by their names in `src`."""
    files = {f"{kind.name}.rs": module(form, kind, rounds(blocks)) for kind in KINDS}
    modules = "".join(f"mod {kind.name};\n" for kind in KINDS)
    calls = "".join(f"    println!(\"{{}}\", {kind.name}::call(&store, &text));\n" for kind in KINDS)
    main = f"    let store = managers::Store;\n    let text = std::env::args().nth(1).unwrap_or_default();\n{calls}"
    files["main.rs"] = f"{modules}\nfn main() {{\n{main}}}\n"
    return files
