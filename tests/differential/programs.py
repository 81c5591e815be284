"""Random programs over context managers, as trees that both printers read.

A program is a function. What it decides at run time (`If`, whether an exit fails, ...) it asks of its run by a number, so that
one program takes many ways, and the same ones in both languages.
"""

from __future__ import annotations

import random
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


# --- The generator ---


@dataclass
class Scope:
    """What a statement may use."""

    depth: int
    bindings: list[Binding] = field(default_factory=list)
    loops: list = field(default_factory=list)  # the labels around, innermost last
    stacks: list[str] = field(default_factory=list)
    values: bool = False  # whether the innermost loop is left with a value
    local: bool = False  # in a local block, where only local ones may be

    def inside(self, **changes) -> Scope:
        inner = Scope(
            self.depth - 1, list(self.bindings), list(self.loops), list(self.stacks), self.values, self.local
        )
        for name, value in changes.items():
            setattr(inner, name, value)
        return inner


class Generator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.numbers = 0
        self.names = 0
        self.size = 0
        # Where local managers stand in any place, their `abandon` comes before the exits of inner blocks: no cuts then.
        self.cuts = self.random.random() < 0.85

    def program(self, number: int) -> Program:
        function = self.function(f"program_{number}", Scope(5))
        # One that has no block says nothing.
        if not any(True for _ in blocks(function)):
            function.body.insert(0, self.block(Scope(4)))
        return Program(number, function, self.cuts)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def fault(self, probability: float) -> int:
        return self.number() if self.chance(probability) else 0

    def function(self, name: str, scope: Scope) -> Function:
        function = Function(name, self.body(scope), self.tail(0.15))
        return function

    # A list of statements. What diverges stands last.
    def body(self, scope: Scope, least: int = 1) -> list:
        statements = []
        for _ in range(self.random.randint(least, 3)):
            if self.size > 45:
                break
            self.size += 1
            statements.append(self.statement(scope))
        return statements or [Step(self.number())]

    def leaving(self, scope: Scope):
        """A statement that leaves its list."""
        ways = ["return", "raise", "raise"]
        if scope.loops:
            ways += ["break", "break", "continue", "continue"]
        match self.random.choice(ways):
            case "return":
                return Return(self.random.choice([None, self.random.randint(0, 99)]))
            case "raise":
                forms = ["question", "return", "bail", "convert", "awaited"]
                return Raise(self.number(), self.random.choice(forms))
            case word:
                outer = scope.loops[:-1]
                if outer and self.chance(0.4):
                    target = self.random.choice([label for label, _ in outer])
                elif self.chance(0.2) and not (word == "break" and scope.values):
                    target = scope.loops[-1][0]
                else:
                    target = None
                # A loop with a value is left with one, which labelled jumps do not carry.
                values = dict(scope.loops)
                if word == "break" and target and values[target]:
                    target = None
                return Jump(word, target)

    def statement(self, scope: Scope):
        simple = [self.step, self.pause, self.pause, self.add, self.use, self.leave_perhaps, self.leave_perhaps]
        if scope.stacks:
            simple += [self.stack_enter, self.stack_enter, self.stack_defer]
        nested = [self.block] * 6 + [self.loop] * 3 + [self.branch, self.select, self.attempt, self.attempt]
        if scope.stacks and not scope.local:
            nested.append(self.take)
        choice = self.random.choice(nested if scope.depth > 0 and self.chance(0.6) else simple)
        return choice(scope)

    def step(self, _scope):
        return Step(self.number())

    def pause(self, _scope):
        return Pause(self.random.randint(1, 2))

    def add(self, _scope):
        return Add(self.random.randint(1, 9))

    def use(self, scope):
        if not scope.bindings:
            return self.step(scope)
        return Use(self.random.choice(scope.bindings), self.random.randint(1, 9))

    def leave_perhaps(self, scope):
        return If(self.number(), self.random.choice([25, 40, 60]), [self.step(scope), self.leaving(scope)], [])

    def branch(self, scope):
        otherwise = self.ended(scope.inside()) if self.chance(0.4) else []
        return If(self.number(), 50, self.ended(scope.inside()), otherwise)

    def ended(self, scope, probability: float = 0.3) -> list:
        """A list of statements that may diverge at its end."""
        body = self.body(scope)
        if self.chance(probability):
            body.append(self.leaving(scope))
        return body

    def select(self, scope):
        body = self.body(scope.inside())
        if self.chance(0.5):
            # Not for certain: all arms would diverge, and rustc would warn of what follows.
            body.append(self.leave_perhaps(scope))
        return Select(body)

    def loop(self, scope):
        label = self.name("l")
        kind = self.random.choice([For, For, While, Loop])
        inner = scope.inside(values=kind is Loop, loops=[*scope.loops, (label, kind is Loop)])
        if kind is For:
            return For(label, self.random.randint(1, 3), self.ended(inner))
        return kind(label, self.number(), self.random.randint(1, 3), self.ended(inner))

    def attempt(self, scope):
        name = self.name("f")
        form = self.random.choice(["fn", "async", "closure", "within", "within"])
        local = scope.local
        inner = Scope(scope.depth - 1, local=local)
        within = []
        if form == "within":
            within, inner = self.header(inner, suppress=False)
        function = Function(name, self.body(inner), self.tail(0.3), within)
        self.greet(function.body, within)
        forget_unused_stacks(within, function.body)
        handler = self.ended(scope.inside(depth=0)) if self.chance(0.4) else [self.step(scope)]
        return Try(name, function, handler, form)

    def greet(self, body: list, items: list[Item]):
        """Each name is used at least once, as rustc wants it."""
        bindings = [binding for item in items for binding in item.bindings]
        for binding in reversed(bindings):
            body.insert(0, Use(binding, self.random.randint(1, 9)))

    def tail(self, faulty: float) -> Tail:
        fault = self.fault(faulty)
        return Tail(self.random.choice([None, self.random.randint(0, 99)]), fault)

    def stack_enter(self, scope):
        kind = self.random.choice(["sure", "unsure", "unsure", "odd"])
        return StackEnter(self.random.choice(scope.stacks), self.manager(kind))

    def stack_defer(self, scope):
        told = self.chance(0.7)
        fault = self.fault(0.5) if told else 0
        stack = self.random.choice(scope.stacks)
        return StackDefer(stack, self.name("d"), self.random.randint(0, 1), fault, told)

    def take(self, scope):
        stack = self.random.choice(scope.stacks)
        block = self.block(scope, [Manager("taken", stack)])
        return StackTake(stack, block)

    def block(self, scope, taken: list[Manager] | None = None):
        sync = taken is None and self.chance(0.08)
        items, inner = self.header(scope, taken=taken, sync=sync)
        observed = any(item.manager.observes for item in items)
        tail = self.tail(0 if observed else 0.25)
        if self.chance(0.08) and not any(item.bindings for item in items):
            body = []
            form = "value"
        else:
            body = self.body(inner) if tail.fault else self.ended(inner, 0.25)
            form = self.random.choice(["arrow", "arrow", "comma", "braces", "brackets", "trailing"])
        self.greet(body, items)
        forget_unused_stacks(items, body)
        fallible = any(item.manager.fallible for item in items)
        # The errors of a stack's entries may also leave by a block in the body, over what was taken from it.
        stacked = any(item.manager.kind in ("stack", "taken") for item in items)
        caught = fallible and not stacked and self.chance(0.3)
        return Block(self.name("v"), items, body, tail, form, sync, caught)

    def header(self, scope, taken=None, sync=False, suppress=True):
        inner = scope.inside()
        items = []
        count = self.random.choice([1, 1, 1, 2, 2, 3]) if not taken else 1
        for index in range(count):
            last = index == count - 1
            manager = taken[0] if taken else self.manager(self.kind(inner, last, sync, suppress))
            item = Item(manager)
            if taken is None and self.chance(0.3 if items else 0.1):
                item.fault = self.number()
            self.bind(item, scope)
            earlier = [binding for other in items for binding in other.bindings]
            if earlier and manager.kind not in ("several", "taken", "stack", "maybe", "defer") and self.chance(0.4):
                manager.starts_at = self.random.choice(earlier)
            items.append(item)
            inner.bindings += item.bindings
            if manager.kind in ("stack", "taken") and item.rust_pattern:
                inner.stacks.append(item.rust_pattern)
            if manager.kind in LOCAL:
                inner.local = inner.local or self.cuts
        return items, inner

    def kind(self, scope, last: bool, sync: bool, suppress: bool) -> str:
        if sync:
            return "sync"
        if scope.local and self.cuts:
            return "local"
        kinds = ["sure", "sure", "unsure", "unsure", "unsure", "unsure", "odd", "odd", "defer", "maybe", "several"]
        if suppress:
            kinds += ["swallow", "sure_swallow"] + ["picky"] * last
        kinds += ["observer"] * last + ["stack"] * 2
        # The body of a local manager may only be cut where all in it is local.
        kinds += ["local"] * (last or not self.cuts)
        kinds += ["limit", "limit"] * self.cuts
        return self.random.choice(kinds)

    def manager(self, kind: str) -> Manager:
        pauses = (self.random.choice([0, 0, 1, 2]), self.random.choice([0, 0, 1, 2]))
        manager = Manager(kind, self.name("m"), pauses, start=self.random.randint(0, 9))
        if kind == "several":
            form = self.random.choice(["tuple", "array", "vec"])
            kinds = ("unsure", "sure", "odd") if form == "tuple" else ("unsure",)
            manager.parts = [self.manager(self.random.choice(kinds)) for _ in range(self.random.randint(2, 3))]
            if form == "tuple":
                manager.parts[0] = self.manager("unsure")
            else:
                for part in manager.parts:
                    part.form = "plain"
            manager.form = form
            return manager
        if kind == "stack":
            return manager
        if kind == "maybe" or manager.suppresses:
            manager.site = self.number()
        if kind in FORMS:
            manager.form = self.random.choice(FORMS[kind])
        if manager.form == "into_async" or kind == "sync":
            manager.pauses = (0, 0)
        if kind == "defer":
            manager.faults = (0, self.fault(0.6))
        elif manager.fallible:
            manager.faults = (self.fault(0.5), self.fault(0.6))
        if kind == "limit":
            manager.limit = (self.random.randint(1, 8), self.number())
        return manager

    def bind(self, item: Item, scope):
        """Names what is entered."""
        manager = item.manager
        match manager.kind:
            case "stack" | "taken":
                name = self.name("s")
                item.rust_pattern = item.python_target = name
            case "defer" | "maybe":
                if self.chance(0.3):
                    item.rust_pattern = item.python_target = "_"
            case "several" if manager.form == "vec":
                name = self.name("a")
                item.rust_pattern = item.python_target = name
                item.bindings = [Binding(manager.parts[0].name, f"{name}[0].count", f"{name}[0].count")]
            case "several":
                names = [self.name("a") for _ in manager.parts]
                listed = ", ".join(names)
                item.rust_pattern = f"({listed})" if manager.form == "tuple" else f"[{listed}]"
                item.python_target = f"({listed})"
                item.bindings = [
                    Binding(part.name, f"{name}.count", f"{name}.count")
                    for part, name in zip(manager.parts, names, strict=True)
                ]
            case _:
                name = self.name("a")
                match self.random.choice(["name", "name", "struct", "none", "wildcard"]):
                    case "name":
                        item.rust_pattern = item.python_target = name
                        item.bindings = [Binding(manager.name, f"{name}.count", f"{name}.count")]
                    case "struct":
                        item.rust_pattern = f"Counter {{ count: {name}, .. }}"
                        item.python_target = name
                        item.bindings = [Binding(manager.name, f"*{name}", f"{name}.count")]
                    case "wildcard":
                        item.rust_pattern = item.python_target = "_"
                    case _:
                        pass
