"""Random programs over context managers, as trees that both printers read.

A program is a function. What it decides at run time (`If`, whether an exit fails, ...) it asks of its run by a number, so that
one program takes many ways, and the same ones in both languages.
"""

from __future__ import annotations

from dataclasses import dataclass, field


# --- Managers ---


@dataclass
class Manager:
    """What a header names. `faults` are the numbers of the errors of enter and exit; 0 never fails."""

    kind: str
    name: str
    pauses: tuple[int, int] = (0, 0)
    faults: tuple[int, int] = (0, 0)
    start: int = 0
    starts_at: Binding | None = None  # an earlier value of the same header, on which the start depends
    limit: tuple[int, int] = (0, 0)  # of `limit`: after how many pauses it interrupts, and with which error
    site: int = 0  # of `maybe` and those that suppress: what their decision is asked by
    form: str = "plain"  # how Rust writes it
    parts: list[Manager] = field(default_factory=list)  # of `several`

    @property
    def fallible(self) -> bool:
        if self.kind == "several":
            return any(part.fallible for part in self.parts)
        return self.kind not in INFALLIBLE

    @property
    def suppresses(self) -> bool:
        return self.kind in ("swallow", "sure_swallow", "picky")

    @property
    def observes(self) -> bool:
        return self.kind in ("observer", "picky")

    def numbers(self) -> set[int]:
        """Of the errors that entering, exiting and interrupting end with."""
        own = {*self.faults, self.limit[1]} - {0}
        return own.union(*(part.numbers() for part in self.parts))


INFALLIBLE = ("sure", "sure_swallow", "observer")
LOCAL = ("local", "sync")

# How Rust writes a manager of this kind, all with the same meaning.
FORMS = {
    "unsure": ("plain", "plain", "plain", "boxed", "err_into", "map_err", "from_fn", "context", "into_async"),
    "sure": ("plain", "plain", "boxed"),
    "odd": ("plain", "plain", "boxed", "err_into"),
}


@dataclass
class Binding:
    """A name for a counter, and how each language reaches it."""

    name: str
    rust: str
    python: str


@dataclass
class Item:
    manager: Manager
    rust_pattern: str | None = None
    python_target: str | None = None
    bindings: list[Binding] = field(default_factory=list)
    fault: int = 0  # of the expression, which is evaluated before the manager is entered


# --- Statements ---


@dataclass
class Step:
    number: int


@dataclass
class Pause:
    times: int


@dataclass
class Add:
    amount: int


@dataclass
class Use:
    binding: Binding
    amount: int


@dataclass
class If:
    site: int
    percent: int
    then: list
    otherwise: list


@dataclass
class For:
    label: str
    turns: int
    body: list


@dataclass
class While:
    label: str
    site: int
    turns: int
    body: list


@dataclass
class Loop:
    """A `loop` that is left with a value."""

    label: str
    site: int
    turns: int
    body: list


@dataclass
class Jump:
    word: str  # break, continue
    target: str | None  # a label, if it says one


@dataclass
class Return:
    value: int | None  # or the total


@dataclass
class Raise:
    number: int
    form: str


# What leaves its list of statements.
LEAVES = (Return, Raise, Jump)


@dataclass
class Tail:
    """What a body gives: a number, the total, or an error as a value."""

    value: int | None = None
    fault: int = 0


@dataclass
class Block:
    name: str
    items: list[Item]
    body: list
    tail: Tail
    form: str  # how Rust writes it
    sync: bool = False
    caught: bool = False  # whether the errors of its managers are caught at the block


@dataclass
class Try:
    """A function of its own, whose error is caught."""

    name: str
    function: Function
    handler: list
    form: str


@dataclass
class StackEnter:
    stack: str
    manager: Manager


@dataclass
class StackDefer:
    stack: str
    name: str
    pauses: int
    fault: int
    told: bool


@dataclass
class StackTake:
    """A block over what a stack holds."""

    stack: str
    block: Block


@dataclass
class Select:
    """What follows on a pause, as an arm of `select!`."""

    body: list


@dataclass
class Function:
    name: str
    body: list
    tail: Tail
    within: list[Item] = field(default_factory=list)


@dataclass
class Program:
    number: int
    function: Function
    cuts: bool

    @property
    def name(self) -> str:
        return self.function.name


def lists(node) -> list[list]:
    """The lists of statements directly in a statement or function."""
    match node:
        case If():
            return [node.then, node.otherwise]
        case Try():
            return [node.function.body, node.handler]
        case StackTake():
            return [node.block.body]
        case _:
            return [node.body] if hasattr(node, "body") else []


def walk(node, into_functions: bool = True):
    """The statements in a node, its own functions included."""
    for body in lists(node):
        if isinstance(node, Try) and body is node.function.body and not into_functions:
            continue
        for statement in body:
            yield statement
            yield from walk(statement, into_functions)


def blocks(node):
    for statement in walk(node):
        if isinstance(statement, Block):
            yield statement
        elif isinstance(statement, StackTake):
            yield statement.block


def forget_unused_stacks(items: list[Item], body: list):
    """Takes the name from stacks that nothing is entered in: rustc would warn."""
    used = {getattr(statement, "stack", None) for statement in walk(If(0, 0, body, []))}
    for item in items:
        if item.manager.kind in ("stack", "taken") and item.rust_pattern not in used:
            item.rust_pattern = item.python_target = None
