"""Makes programs up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from programs import (
    FORMS, LEAVES, LOCAL, Add, Binding, Block, For, Function, If, Item, Jump, Loop, Manager, Pause, Program, Raise, Return, Select,
    StackDefer, StackEnter, StackTake, Step, Tail, Try, Use, While, blocks, forget_unused_stacks,
)


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
            if self.size > 24:
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
        then, otherwise = self.ended(scope.inside()), []
        if self.chance(0.4):
            # Not both for certain: rustc would warn of what follows.
            otherwise = self.ended(scope.inside(), 0 if isinstance(then[-1], LEAVES) else 0.3)
        return If(self.number(), 50, then, otherwise)

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
