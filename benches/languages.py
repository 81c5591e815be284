#!/usr/bin/env python3
"""A block that does nothing: CPython's `async with`, Node's `await using`, and `async_with!`, as a table in Markdown.

The languages take turns, each in a process of its own. In all of them enter and exit are awaited and never wait. The loop
around the blocks is measured too, and taken off.
"""

import argparse
import asyncio
import json
import shlex
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NODE = """
Symbol.asyncDispose ??= Symbol('Symbol.asyncDispose');
class NoOp {
    async enter() { this.value = 1; return this; }
    async [Symbol.asyncDispose]() {}
}
async function blocks(times) {
    let sum = 0;
    for (let i = 0; i < times; i++) { BLOCK }
    return sum;
}
async function loop(times) {
    let sum = 0;
    for (let i = 0; i < times; i++) { sum += i % 3; }
    return sum;
}
async function nanoseconds(run, times) {
    const started = process.hrtime.bigint();
    await run(times);
    return Number(process.hrtime.bigint() - started) / times;
}
(async () => {
    const taken = [];
    for (let round = 0; round < ROUNDS; round++)
        taken.push(await nanoseconds(blocks, TIMES) - await nanoseconds(loop, TIMES));
    taken.sort((a, b) => a - b);
    console.log(taken[taken.length >> 1]);
})();
"""
NODE_BLOCKS = {
    "`await using`": "await using held = await new NoOp().enter(); sum += held.value;",
    # What `await using` stands for, where the syntax is missing.
    "`try … finally { await held[Symbol.asyncDispose]() }`": """
        const held = await new NoOp().enter();
        try { sum += held.value; } finally { await held[Symbol.asyncDispose](); }
    """,
}


class NoOp:
    async def __aenter__(self):
        return 1

    async def __aexit__(self, kind, error, trace):
        return None


async def blocks(times):
    total = 0
    for _ in range(times):
        async with NoOp() as value:
            total += value
    return total


async def loop(times):
    total = 0
    for _ in range(times):
        total += 1
    return total


def python_here(rounds, times):
    """Measures in this process."""

    def nanoseconds(run):
        started = time.perf_counter_ns()
        asyncio.run(run(times))
        return (time.perf_counter_ns() - started) / times

    return statistics.median(nanoseconds(blocks) - nanoseconds(loop) for _ in range(rounds))


def output(command, script=None):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, input=script).stdout


def python(command, rounds, times):
    return float(output([*command, __file__, "--here", "--inner", str(rounds), "--times", str(times)]))


def node_script(block, rounds, times):
    return NODE.replace("BLOCK", block).replace("ROUNDS", str(rounds)).replace("TIMES", str(times))


def node_block(command):
    """The name and source of the block that this Node understands."""
    for name, block in NODE_BLOCKS.items():
        try:
            node(command, block, 1, 1)
        except (OSError, subprocess.CalledProcessError):
            continue
        return name, block
    return None


def node(command, block, rounds, times):
    return float(output([*command, "-"], node_script(block, rounds, times)))


def version(command):
    """What the program calls its version, if there is such a program."""
    try:
        return output([*command, "--version"]).split()[-1]
    except (OSError, subprocess.CalledProcessError):
        return None


def contenders(options):
    """Functions that measure, by name."""
    found = {}
    for command in map(shlex.split, options.python):
        if number := version(command):
            found[f"CPython {number}, `async with`"] = partial(python, command, options.inner, options.times)
    for command in map(shlex.split, options.node):
        number, understood = version(command), node_block(command)
        if number and understood:
            name, block = understood
            found[f"Node {number}, {name}"] = partial(node, command, block, options.inner, options.times)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often each language is measured")
    parser.add_argument("--times", type=int, default=200_000, help="blocks in a loop")
    parser.add_argument("--inner", type=int, default=5, help="loops in a process")
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="commands of CPython")
    parser.add_argument("--node", nargs="*", default=["node"], help='commands of Node, such as "npx --yes node@24"')
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(python_here(options.inner, options.times))
        return

    rust = "cargo run --quiet --release -p benches --bin contenders -- time --no-op --json".split()
    output(rust + ["--rounds", "1"])  # Compiles.
    others = contenders(options)
    taken = {}
    for _ in range(options.rounds):
        for name, nanoseconds in others.items():
            taken.setdefault(name, []).append(nanoseconds())
        figures = json.loads(output(rust + ["--rounds", "21"]))
        for kind in ("local", "guaranteed"):
            taken.setdefault(kind, []).append(figures[f"macro, {kind}"])

    def ratio(name, kind):
        return statistics.median(a / b for a, b in zip(taken[name], taken[kind]))

    print(f"Nanoseconds a block that does nothing; medians of {options.rounds} rounds, in which the languages take turns.\n")
    print("| block | ns | times `async_with!`, local | times `async_with!`, guaranteed |")
    print("| --- | --: | --: | --: |")
    for kind in ("local", "guaranteed"):
        print(f"| `async_with!`, {kind} | {statistics.median(taken[kind]):.1f} | | |")
    for name in others:
        median = statistics.median(taken[name])
        print(f"| {name} | {median:.1f} | {ratio(name, 'local'):.1f} | {ratio(name, 'guaranteed'):.1f} |")


if __name__ == "__main__":
    main()
