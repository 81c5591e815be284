#!/usr/bin/env python3
"""What blocks cost to compile: through the macro, and the same written by hand with the same guarantees.

    python3 benches/compile/measure.py
    python3 benches/compile/measure.py --release --blocks 400 --rounds 1

print Markdown tables. It needs Python 3.9 or newer with nothing installed, a Unix, cargo, and for the size of the code `size`.
Alone on the machine, the first takes about two minutes. It generates crates of about 1,000 blocks (`blocks.py`), which are
functions over the managers in `managers.rs`; by hand they are over `expert.rs` of the benches. What they depend on is built
beforehand. Then for each crate, one after the other and so again, nothing but the crate is compiled, not incrementally. Times are
wall times of cargo, memory is the greatest that one process of it has, both are medians; ratios are of these.

Without options it measures `cargo check`, what the macros make of a block and how long they take (`--expansion`), the build of
the crate of the macros (`--macros`), and which versions of syn a user of tokio and async-with builds (`--syn`). `--passes` shows
where the compiler spends the time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# The folder is one of sources.
sys.dont_write_bytecode = True

import blocks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

WORKSPACE = """\
[workspace]
members = [{members}]
resolver = "3"

[profile.release]
strip = true
"""

MANIFEST = """\
[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[dependencies]
async-with.path = {root}
tokio = {{ version = "1", features = ["macros", "rt-multi-thread", "sync"] }}
"""

# The same one again, of which only the number of blocks differs: what one more block costs.
HALF = "_half"


@dataclass
class Run:
    seconds: float
    # In bytes.
    peak: int
    stdout: str
    stderr: str


class Workspace:
    """Generated crates: for each form one with so many blocks, and one with half of them."""

    def __init__(self, work: Path, forms: list[str], count: int):
        self.work = work
        self.forms = {name: form for form in forms for name in (form, form + HALF)}
        quoted = json.dumps(str(ROOT))
        members = ", ".join(json.dumps(name) for name in ["managers", *self.forms])
        self.write("Cargo.toml", WORKSPACE.format(members=members))
        # The versions that the workspace of async-with is built with: nothing is resolved or fetched anew.
        shutil.copy(ROOT / "Cargo.lock", work / "Cargo.lock")
        self.write("managers/Cargo.toml", MANIFEST.format(name="managers", root=quoted))
        expert = json.dumps(str(ROOT / "benches" / "src" / "expert.rs"))
        self.write("managers/src/lib.rs", (HERE / "managers.rs").read_text().replace('"@EXPERT@"', expert))
        self.blocks = {}
        for name, form in self.forms.items():
            size = count // 2 if name.endswith(HALF) else count
            self.blocks[name] = blocks.number(size)
            self.write(f"{name}/Cargo.toml", MANIFEST.format(name=name, root=quoted) + 'managers.path = "../managers"\n')
            for file, text in blocks.crate(form, size).items():
                self.write(f"{name}/src/{file}", text)

    def write(self, path: str, text: str):
        file = self.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A file that is as it was is not touched: what is made from it stays built.
        if not file.exists() or file.read_text() != text:
            file.write_text(text)

    def cargo(self, command: str, package: str, *arguments: str, **environment: str) -> Run:
        return cargo(command, "--package", package, *arguments, folder=self.work, **environment)

    def compile(self, package: str, command: str, *arguments: str, **environment: str) -> Run:
        """Compiles one crate anew, and nothing else: `managers` has been built in the same way."""
        os.utime(self.work / package / "src" / "main.rs")
        run = self.cargo(command, package, *arguments, **environment)
        compiled = re.findall(r"(?:Compiling|Checking) (\S+)", run.stderr)
        if compiled != [package]:
            sys.exit(f"{package} was to be compiled alone, and compiled were {', '.join(compiled) or 'none'}")
        return run

    def binary(self, package: str) -> Path:
        return self.work / "target" / "release" / (package + (".exe" if os.name == "nt" else ""))


def cargo(*arguments: str, folder: Path, **environment: str) -> Run:
    """Runs cargo: the wall time, and the memory of the largest of its processes."""
    # What is set outside, for other builds, is not about these crates.
    ours = ("CARGO_PROFILE_", "CARGO_TARGET_DIR", "RUSTFLAGS", "RUSTC_BOOTSTRAP")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    kept |= {"CARGO_INCREMENTAL": "0", "CARGO_TERM_COLOR": "never", **environment}
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(["cargo", *arguments], cwd=folder, env=kept, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0), stderr.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        run = Run(seconds, usage.ru_maxrss * unit, stdout.read(), stderr.read())
    if process.returncode != 0:
        sys.exit(f"cargo {' '.join(arguments)}:\n{run.stderr[:3000]}")
    return run


# --- What is measured ---


def compile_all(work: Workspace, rounds: int, command: str, *arguments: str) -> dict[str, list[Run]]:
    """Compiles the crate of each form in turn, and so again."""
    print(f"cargo {command} {' '.join(arguments)}", file=sys.stderr, flush=True)
    work.cargo(command, "managers", *arguments)
    names = [name for name in work.forms if not name.endswith(HALF)]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(work.compile(name, command, *arguments))
    return runs


def compiling(title: str, runs: dict[str, list[Run]]) -> list[list[str]]:
    seconds = {name: statistics.median(run.seconds for run in all_of) for name, all_of in runs.items()}
    peaks = {name: statistics.median(run.peak for run in all_of) / 2**20 for name, all_of in runs.items()}
    return [row(f"{title}, time", seconds, "{:.2f} s"), row(f"{title}, peak memory", peaks, "{:.0f} MiB")]


def row(title: str, figures: dict[str, float], form: str) -> list[str]:
    ratio = f"{figures['macro'] / figures['hand']:.2f}" if figures["hand"] > 0 else ""
    return [title, *(form.format(figure) for figure in figures.values()), ratio]


def sizes(work: Workspace) -> list[list[str]]:
    """What one more block adds to an executable."""
    measures = {"stripped executable, a block": lambda file: file.stat().st_size}
    if shutil.which("size"):
        measures["code in it, a block"] = code
    rows = []
    for title, measure in measures.items():
        figures = {}
        for name in (name for name in work.forms if not name.endswith(HALF)):
            more = measure(work.binary(name)) - measure(work.binary(name + HALF))
            figures[name] = more / (work.blocks[name] - work.blocks[name + HALF])
        rows.append(row(title, figures, "{:.0f} B"))
    return rows


def code(file: Path) -> int:
    """The size of the machine code alone, without constants and tables for unwinding."""
    done = subprocess.run(["size", "-A", str(file)], stdout=subprocess.PIPE, text=True, check=True)
    found = re.search(r"^\.text\s+(\d+)", done.stdout, re.MULTILINE)
    return int(found[1]) if found else 0


# What rustc says of itself is for nightly, and the environment variable that has it say so has crates built anew.
def unstable(work: Workspace) -> dict[str, str]:
    return {"RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(work.work / "target" / "unstable")}


def phases(work: Workspace, rounds: int) -> dict[str, list[dict[str, float]]]:
    """How long each phase of the compiler takes in `cargo check`, in each run."""
    environment = unstable(work)
    work.cargo("rustc", "managers", "--profile", "check", **environment)
    names = [name for name in work.forms if not name.endswith(HALF)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            run = work.compile(name, "rustc", "--profile", "check", "--", "-Ztime-passes", **environment)
            lines = re.findall(r"^time:\s+([\d.]+);.*\t(\S+)$", run.stdout + run.stderr, re.MULTILINE)
            found[name].append({phase: float(seconds) for seconds, phase in lines})
    return found


def median_phases(runs: list[dict[str, float]]) -> dict[str, float]:
    return {phase: statistics.median(run.get(phase, 0) for run in runs) for phase in runs[0]}


def passes(work: Workspace, rounds: int) -> list[list[str]]:
    """The phases that differ most. Some are part of others."""
    medians = {name: median_phases(runs) for name, runs in phases(work, rounds).items()}
    macro, hand = medians["macro"], medians["hand"]
    most = sorted(macro, key=lambda phase: -abs(macro[phase] - hand.get(phase, 0)))
    return [row(f"`{phase}`", {name: of.get(phase, 0) for name, of in medians.items()}, "{:.3f} s") for phase in most[:15]]


def expansion(work: Workspace, rounds: int) -> list[list[str]]:
    """The source as the compiler has it after the macros; `pin!` and the like are expanded too."""
    environment = unstable(work)
    rows, texts = [], {}
    for name in (name for name in work.forms if not name.endswith(HALF)):
        texts[name] = work.cargo("rustc", name, "--profile", "check", "--", "-Zunpretty=expanded", **environment).stdout
    for title, measure in (("expanded, a block, bytes", len), ("expanded, a block, tokens", tokens)):
        rows.append(row(title, {name: measure(text) / work.blocks[name] for name, text in texts.items()}, "{:.0f}"))
    microseconds = {
        name: median_phases(runs).get("macro_expand_crate", 0) / work.blocks[name] * 1e6
        for name, runs in phases(work, rounds).items()
    }
    return [*rows, row("expanding, a block, all macros in it", microseconds, "{:.0f} µs")]


def tokens(text: str) -> int:
    return len(re.findall(r"'?\w+|\"[^\"]*\"|[^\w\s]", text))


def own_build(work: Path) -> list[list[str]]:
    """The crate of the macros from nothing, with all that it depends on."""
    rows = []
    for command in (["build"], ["build", "--release"]):
        folder = work / "target" / "own"
        shutil.rmtree(folder, ignore_errors=True)
        run = cargo(*command, "--package", "async-with-macros", folder=ROOT, CARGO_TARGET_DIR=str(folder))
        rows.append([f"`cargo {' '.join(command)} -p async-with-macros`", f"{run.seconds:.1f} s"])
    return rows


def syn(work: Workspace) -> list[list[str]]:
    """Who needs which version of syn, in the tree of a user of async-with and tokio's macros."""
    arguments = ("--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--target", "all")
    tree = work.cargo("tree", "macro", *arguments).stdout
    versions = sorted(set(re.findall(r"^syn v(\S+)", tree, re.MULTILINE)))
    rows = []
    for version in versions:
        users = work.cargo("tree", "macro", *arguments, "--invert", f"syn@{version}", "--depth", "1").stdout
        rows.append([f"syn {version}", ", ".join(sorted({line.split(" (")[0] for line in users.splitlines()[1:]}))])
    return rows


def table(heads: list[str], rows: list[list[str]], align: str = "---:"):
    print(f"\n| {' | '.join(heads)} |\n|---|{(align + '|') * (len(heads) - 1)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")


def main() -> int:
    parser = argparse.ArgumentParser(description="What blocks cost to compile, beside the same written by hand.")
    parser.add_argument("--blocks", type=int, default=1000, help="how many, about")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is compiled")
    parser.add_argument("--bare", action="store_true", help="also by hand with no guarantee")
    parser.add_argument("--check", action="store_true", help="only `cargo check`")
    parser.add_argument("--release", action="store_true", help="only `cargo build --release`, and the size of what it makes")
    parser.add_argument("--passes", action="store_true", help="only the phases of the compiler")
    parser.add_argument("--expansion", action="store_true", help="only the size of the expanded code")
    parser.add_argument("--macros", action="store_true", help="only the build of the crate of the macros")
    parser.add_argument("--syn", action="store_true", help="only the versions of syn")
    parser.add_argument("--work", type=Path, help="the folder of the generated crates")
    options = parser.parse_args()

    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    folder = (options.work or target / "compile").resolve()
    forms = ["macro", "hand", *(["bare"] if options.bare else [])]
    work = Workspace(folder, forms, options.blocks)
    chosen = {what for what in ("check", "release", "passes", "expansion", "macros", "syn") if getattr(options, what)}
    chosen = chosen or {"check", "expansion", "macros", "syn"}

    rows = []
    if "check" in chosen:
        rows += compiling("`cargo check`", compile_all(work, options.rounds, "check"))
    if "release" in chosen:
        rows += compiling("`cargo build --release`", compile_all(work, options.rounds, "build", "--release"))
        for name in work.forms:
            if name.endswith(HALF):
                work.cargo("build", name, "--release")
        rows += sizes(work)
    if "expansion" in chosen:
        rows += expansion(work, options.rounds)
    if "passes" in chosen:
        rows += passes(work, options.rounds)
    heads = [f"{work.blocks['macro']} blocks", "macro", "by hand", *(["bare"] if options.bare else []), "macro / by hand"]
    if rows:
        table(heads, rows)
    if "macros" in chosen:
        table(["", "time"], own_build(folder))
    if "syn" in chosen:
        table(["", "used by"], syn(work), "---")
    return 0


if __name__ == "__main__":
    sys.exit(main())
