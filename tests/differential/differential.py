#!/usr/bin/env python3
"""Writes the same random programs in Python and in Rust, runs both, and compares what they log.

    python3 tests/differential/differential.py --programs 2000 --seed 1

It needs Python 3.11 or newer, with nothing installed, and cargo. A program is a function with blocks over context managers,
and is run in three variants of what it decides at run time: whole, and cut at each of its pauses (the first twelve), as by
`task.cancel()` and by dropping the future. Logged are the enters and exits and what exits are told, the steps of bodies, the
values of blocks and functions, which errors are caught, observed and swallowed, and which are lost.

In Python `async with` and `AsyncExitStack` of CPython do the work, in Rust the macros. The two are told apart by design in
what follows; `runtime/*.py` has the translations:

1. When body and exit fail, Python raises the exit's error, with the body's as its context. Here the body's error leaves, and
   the exit's is reported as lost. So wherever an error is looked at, the end of its chain of contexts is taken for what the
   body failed with, the others for lost ones; and a cut, once it is in the chain, is never an error. Exits in a stack, which
   are one exit as a whole, report theirs in another order: in programs with stacks the lists of lost errors are sorted.
2. A manager that swallows the body's error and then fails itself replaces it: `raise … from None` in Python.
3. A cut during an exit: Python cuts the exit, which here runs on to its end. In Python it is delivered at the end of the exit
   (trio calls that a shield). What the exit then fails with is lost in both.
4. Local managers cannot do that: a cut in their exit cuts it, and one in their body calls `abandon`, which Python's do instead
   of their exit. As it is called at once, before the exits of inner blocks, local blocks have only local ones in them in
   programs that are cut.
5. `AsyncExitStack` of CPython drops the first of two errors of its exits when its body succeeded, though nested blocks keep it
   as the context of the second. The managers of `managers.py` keep it.
6. An interrupt is `asyncio.timeout` in Python, counted in pauses. It ends with its body: one in a body that has been cut does
   not come any more, where asyncio would still count it.
7. A block has a value, which Python's have not: there it is a variable, which is reset when what came after the body failed.
8. What has no words in Python (`Returned`, `Broke`, `Continued`, panics) is not compared. Labelled jumps are flags there.
9. Where a cut or an interrupt comes after an error, that is the context of the cut in Python. Here it is gone with the value
   that it was, or reported as lost if it is that of an exit, on its way out through other items of the same header. Python
   says which error it is, and it may or may not be among the lost ones.
"""

from __future__ import annotations

import argparse
import collections
import copy
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# The folder is one of sources.
sys.dont_write_bytecode = True

import generator
import programs
import to_python
import to_rust

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

MANIFEST = """\
[workspace]

[package]
name = "differential"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
async-with = {{ path = {root} }}
tokio = {{ version = "1", features = ["macros", "rt", "time"] }}

[profile.dev]
debug = 0
debug-assertions = false
incremental = false
# No program panics, and without landing pads they are built in half the time.
panic = "abort"
"""


class Package:
    """A cargo package of generated programs, and their Python twins beside it."""

    def __init__(self, work: Path):
        self.work = work
        for old in [*work.glob("src/bin/*.rs"), *work.glob("python/*.py")]:
            old.unlink()
        (work / "src" / "bin").mkdir(parents=True, exist_ok=True)
        (work / "python").mkdir(exist_ok=True)
        quoted = '"' + str(ROOT).replace("\\", "\\\\") + '"'
        self.write("Cargo.toml", MANIFEST.format(root=quoted))
        # The versions that the workspace was built with: nothing is resolved or fetched anew.
        shutil.copy(ROOT / "Cargo.lock", work / "Cargo.lock")
        for file in (HERE / "runtime").iterdir():
            if file.suffix in (".rs", ".py"):
                self.write(("src/" if file.suffix == ".rs" else "python/") + file.name, file.read_text())

    def write(self, path: str, text: str):
        (self.work / path).write_text(text)

    def add(self, part: str, batch: list[programs.Program], lints: str = "#![deny(warnings)]\n"):
        self.write(f"src/bin/{part}.rs", to_rust.source(batch, lints))
        self.write(f"python/{part}.py", to_python.source(batch))

    def build(self, *arguments: str) -> bool:
        manifest, target = self.work / "Cargo.toml", self.work / "target"
        command = ["cargo", "build", "--quiet", "--manifest-path", str(manifest), "--target-dir", str(target)]
        return subprocess.run([*command, *arguments], check=False).returncode == 0

    def logs(self, part: str) -> tuple[dict, dict]:
        """The log of each run, by its title: of Rust, and of Python."""
        suffix = ".exe" if os.name == "nt" else ""
        rust = run([str(self.work / "target" / "debug" / (part + suffix))])
        python = run([sys.executable, str(self.work / "python" / f"{part}.py")])
        return rust, python


def run(command: list[str]) -> dict[str, list[str]]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=1800)
    logs: dict[str, list[str]] = {}
    events: list[str] = []
    for line in done.stdout.splitlines():
        if line.startswith("# "):
            events = logs[line[2:]] = []
        else:
            events.append(line)
    if done.returncode != 0:
        events.append(f"the process ended with {done.returncode}")
    return logs


def number_of(title: str) -> int:
    return int(re.match(r"program (\d+),", title)[1])


def sorted_losses(event: str) -> str:
    head, found, listed = event.partition("lost [")
    return head + found + ", ".join(sorted(listed.rstrip("]").split(", "))) + "]" if found else event


def same(rust: str, python: str, in_order: bool) -> bool:
    """Whether two events are the same, but for differences 1 and 9."""
    as_listed = (lambda event: event) if in_order else sorted_losses
    event, found, overtaken = python.removesuffix("]").partition("], overtaken [")
    if not found:
        return as_listed(rust) == as_listed(python)
    added = overtaken if event.endswith("[") else f", {overtaken}"
    return sorted_losses(rust) in (sorted_losses(event + "]"), sorted_losses(event + added + "]"))


def differing(batch: list[programs.Program], rust: dict, python: dict) -> dict[int, str]:
    """The first run of each program that differs."""
    stacked = {program.number for program in batch if has_stack(program)}
    found: dict[int, str] = {}
    for title in [*rust, *(title for title in python if title not in rust)]:
        number, logs = number_of(title), (rust.get(title), python.get(title))
        if None in logs or len(logs[0]) != len(logs[1]):
            found.setdefault(number, title)
        elif not all(same(*pair, in_order=number not in stacked) for pair in zip(*logs)):
            found.setdefault(number, title)
    return found


def has_stack(program: programs.Program) -> bool:
    headers = [item.manager for block in programs.blocks(program.function) for item in block.items]
    attempts = [node.function for node in programs.walk(program.function) if isinstance(node, programs.Try)]
    headers += [item.manager for function in attempts for item in function.within]
    return any(manager.kind in ("stack", "several") for manager in headers)


# --- Shrinking ---


def smaller(program: programs.Program):
    """Programs with one thing less."""

    def changed(change):
        copied = copy.deepcopy(program)
        nodes = [copied.function, *programs.walk(copied.function)]
        change(nodes)
        return copied

    originals = [program.function, *programs.walk(program.function)]
    for index, node in enumerate(originals):
        for which, body in enumerate(programs.lists(node)):
            for place in range(len(body)):
                yield changed(lambda nodes: programs.lists(nodes[index])[which].pop(place))
        block = node.block if isinstance(node, programs.StackTake) else node
        if isinstance(block, programs.Block):
            for place, item in enumerate(block.items):
                if any(item.manager.pauses) or any(item.manager.faults) or item.fault:
                    yield changed(lambda nodes: calm(nodes[index], place))


def calm(node, place: int):
    item = (node.block if isinstance(node, programs.StackTake) else node).items[place]
    item.fault, item.manager.pauses, item.manager.faults = 0, (0, 0), (0, 0)


def size(program: programs.Program) -> int:
    return len(to_rust.source([program]))


def shrink(package: Package, program: programs.Program) -> programs.Program:
    """Takes away what the difference does not need, as long as there is such a thing."""
    for _ in range(40):
        candidates = sorted(smaller(program), key=size)[:60]
        for number, candidate in enumerate(candidates):
            candidate.number = number
            candidate.function.name = f"program_{number}"
        package.add("shrink", candidates, "#![allow(warnings)]\n")
        if not candidates or not package.build("--bin", "shrink"):
            break
        found = differing(candidates, *package.logs("shrink"))
        if not found:
            break
        program = candidates[min(found)]
    return program


# --- Reporting ---


def report(package: Package, program: programs.Program):
    package.add("shrink", [program], "#![allow(warnings)]\n")
    package.build("--bin", "shrink")
    rust, python = package.logs("shrink")
    title = differing([program], rust, python).get(program.number, "")
    printer = to_rust.Printer()
    print(f"\n== {title}: the logs differ\n\n{printer.program(program)}")
    print(to_python.Printer().program(program))
    left, right = rust.get(title, []), python.get(title, [])
    alike = [same(*pair, in_order=False) for pair in zip(left, right)]
    first = alike.index(False) if False in alike else len(alike)
    print(f"{'Rust':<50} Python")
    for index in range(max(len(left), len(right))):
        pair = [log[index] if index < len(log) else "" for log in (left, right)]
        print(f"{pair[0]:<50} {pair[1]}{'    <-- here' if index == first else ''}")


COUNTED = {
    "an error that leaves": r"raised ",
    "a caught one": r"caught ",
    "a swallowed one": r"\S+ swallows",
    "a lost one": r".*, lost \[\d",
    "an interrupt": r"\S+ is over",
    "a cut": r"cut, ",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares async-with with CPython on random programs.")
    parser.add_argument("--programs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=int, default=50, help="how many programs a binary has")
    parser.add_argument("--work", type=Path, help="the folder of the generated package")
    parser.add_argument("--no-shrink", action="store_true", help="show a difference as it was found")
    options = parser.parse_args()

    started = time.monotonic()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    package = Package(options.work or target / "differential")
    everything = [
        generator.Generator(options.seed * 1_000_000 + number).program(number) for number in range(options.programs)
    ]
    parts = {
        f"part_{start // options.part}": everything[start : start + options.part]
        for start in range(0, len(everything), options.part)
    }
    for part, batch in parts.items():
        package.add(part, batch)
    if not package.build("--bins"):
        print("the generated programs do not compile")
        return 1
    built = time.monotonic()

    found: list[programs.Program] = []
    runs = events = 0
    counts: collections.Counter[str] = collections.Counter()
    for part, batch in parts.items():
        rust, python = package.logs(part)
        different = differing(batch, rust, python)
        found += [program for program in batch if program.number in different]
        runs += len(python)
        for log in python.values():
            events += len(log)
            text = "\n".join(log)
            counts.update(what for what, pattern in COUNTED.items() if re.search("^" + pattern, text, re.MULTILINE))

    print(f"{len(everything)} programs of seed {options.seed}, {runs} runs, {events} events in each language")
    print("runs with: " + ", ".join(f"{what} {counts[what]}" for what in COUNTED))
    print(f"built in {built - started:.0f} s, run in {time.monotonic() - built:.0f} s")
    if runs < 3 * len(everything):
        print("not all programs were run")
        return 1
    if not found:
        print("no difference")
        return 0
    print(f"{len(found)} programs differ: {', '.join(str(program.number) for program in found[:20])}")
    for program in sorted(found, key=size)[:3]:
        report(package, program if options.no_shrink else shrink(package, program))
    return 1


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed: `Task.uncancel`")
    sys.exit(main())
