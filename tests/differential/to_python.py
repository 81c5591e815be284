"""Writes a program in Python."""

from __future__ import annotations

from programs import (
    LEAVES, Add, Block, For, Function, If, Item, Jump, Loop, Manager, Pause, Program, Raise, Return, Select, StackDefer,
    StackEnter, StackTake, Step, Tail, Try, Use, While, walk,
)

CLASSES = {
    "sure": "Manager",
    "unsure": "Manager",
    "odd": "Manager",
    "defer": "Deferred",
    "local": "Local",
    "sync": "Sync",
    "limit": "Limit",
    "swallow": "Swallow",
    "sure_swallow": "Swallow",
    "picky": "Picky",
    "observer": "Observer",
}


def source(programs: list[Program]) -> str:
    """A module of these programs."""
    functions = "\n\n".join(Printer().program(program) for program in programs)
    listed = "".join(f"    run_program({p.number}, {p.cuts}, {p.name})\n" for p in programs)
    return f"""from contextlib import nullcontext

from managers import Deferred, Limit, Local, Manager, Observer, Picky, Several, Stack, Swallow, Sync
from run import Fault, run_program


{functions}

if __name__ == "__main__":
{listed}"""


class Printer:
    def __init__(self):
        self.lines = []
        self.indent = 0
        self.loops = []

    def program(self, program: Program) -> str:
        self.function(program.function)
        return "\n".join(self.lines) + "\n"

    def line(self, text: str):
        self.lines.append("    " * self.indent + text)

    def inside(self, body: list, *more):
        self.indent += 1
        start = len(self.lines)
        self.statements(body)
        for text in more:
            self.line(text)
        if len(self.lines) == start:
            self.line("pass")
        self.indent -= 1

    def statements(self, body: list):
        for statement in body:
            getattr(self, "write_" + type(statement).__name__.lower())(statement)

    def function(self, function: Function):
        loops, self.loops = self.loops, []
        self.line(f"async def {function.name}(run):")
        self.indent += 1
        if function.within:
            self.line(f"async with ({', '.join(self.item(item) for item in function.within)}):")
            self.indent += 1
        if any(isinstance(node, Jump) and node.target for node in walk(function)):
            self.line("jump = None")
        self.line("total = run.added(0, 1)")
        self.statements(function.body)
        if function.tail.fault:
            self.line(f"if run.chance({function.tail.fault}, 50):")
            self.line(f"    raise Fault({function.tail.fault})")
        self.line(f"return {self.number(function.tail.value)}")
        self.indent -= 2 if function.within else 1
        self.loops = loops

    @staticmethod
    def number(value: int | None) -> str:
        return "total" if value is None else str(value)

    def write_step(self, step: Step):
        self.line(f'run.log("step {step.number}")')

    def write_pause(self, pause: Pause):
        self.line(f"await run.pause({pause.times})")

    def write_add(self, add: Add):
        self.line(f"total = run.added(total, {add.amount})")

    def write_use(self, use: Use):
        place = use.binding.python
        self.line(f'{place} = run.used("{use.binding.name}", {place}, {use.amount})')

    def write_if(self, branch: If):
        self.line(f"if run.chance({branch.site}, {branch.percent}):")
        self.inside(branch.then)
        if branch.otherwise:
            self.line("else:")
            self.inside(branch.otherwise)

    def looped(self, loop, head: str, *first: str):
        """A loop, and the jumps out of it to loops around, which Python takes one loop at a time."""
        self.line(head)
        self.loops.append(loop)
        self.indent += 1
        for text in first:
            self.line(text)
        self.indent -= 1
        self.inside(loop.body)
        self.loops.pop()
        labels = [around.label for around in self.loops]
        outward = {
            (node.word, node.target)
            for node in walk(loop, into_functions=False)
            if isinstance(node, Jump) and node.target in labels
        }
        for word, target in sorted(outward):
            self.line(f'if jump == "{word} {target}":')
            if target == labels[-1]:
                self.line("    jump = None")
                self.line(f"    {word}")
            else:
                self.line("    break")

    def write_for(self, loop: For):
        self.looped(loop, f"for turn in range({loop.turns}):", 'run.log(f"turn {turn}")')

    def write_while(self, loop: While):
        self.looped(loop, f"while run.turn({loop.site}, {loop.turns}):")

    def write_loop(self, loop: Loop):
        self.looped(
            loop,
            "while True:",
            f"if not run.turn({loop.site}, {loop.turns}):",
            f"    {loop.label} = {loop.site}",
            "    break",
        )
        self.line(f'run.value("{loop.label}", {loop.label})')

    def write_jump(self, jump: Jump):
        innermost = self.loops[-1]
        if jump.target and jump.target != innermost.label:
            self.line(f'jump = "{jump.word} {jump.target}"')
            self.line("break")
            return
        if jump.word == "break" and isinstance(innermost, Loop):
            self.line(f"{innermost.label} = 7")
        self.line(jump.word)

    def write_return(self, leave: Return):
        self.line(f"return {self.number(leave.value)}")

    def write_raise(self, leave: Raise):
        self.line(f"raise Fault({leave.number})")

    def write_stackenter(self, enter: StackEnter):
        name = enter.manager.name
        self.line(f"entered = await {enter.stack}.enter_async_context({self.manager(enter.manager)})")
        self.line(f'entered.count = run.used("{name}", entered.count, 3)')

    def write_stackdefer(self, defer: StackDefer):
        if defer.told:
            manager = f'Deferred(run, "{defer.name}", pauses=(0, {defer.pauses}), faults=(0, {defer.fault}))'
            self.line(f"{defer.stack}.push_async_exit({manager})")
        else:
            self.line(f'{defer.stack}.push_async_callback(run.called, "{defer.name}", {defer.pauses})')

    def write_stacktake(self, take: StackTake):
        self.write_block(take.block)

    def write_select(self, select: Select):
        self.line("await run.pause(1)")
        self.statements(select.body)

    def write_try(self, attempt: Try):
        name = attempt.name
        self.function(attempt.function)
        self.line(f"{name}_value = None")
        self.line("try:")
        self.line(f"    {name}_value = await {name}(run)")
        self.line("except Fault as fault:")
        self.line("    run.caught(fault)")
        self.line(f'run.value("{name}", {name}_value)')
        if attempt.handler:
            self.line(f"if {name}_value is None:")
            self.inside(attempt.handler)

    def write_block(self, block: Block):
        self.line(f"{block.name} = None")
        if block.caught:
            self.line("try:")
            self.indent += 1
        word = "with" if block.sync else "async with"
        self.line(f"{word} ({', '.join(self.item(item) for item in block.items)}):")
        more = []
        if not (block.body and isinstance(block.body[-1], LEAVES)):
            if block.tail.fault:
                more = [f"if run.chance({block.tail.fault}, 50):", f"    raise Fault({block.tail.fault})"]
            more.append(f"{block.name} = {self.number(block.tail.value)}")
        self.inside(block.body, *more)
        if block.caught:
            self.indent -= 1
            numbers = sorted(set().union(*(item.manager.numbers() for item in block.items)))
            self.line("except Fault as fault:")
            self.line(f"    run.caught(fault, {numbers})")
            self.line(f"    {block.name} = None")
        swallowing = [item.manager.name for item in block.items if item.manager.suppresses]
        if swallowing:
            # The error of an exit, which came after the value.
            swallowed = " or ".join(f"{name}.swallows" for name in swallowing)
            self.line(f"if {block.name} is not None and ({swallowed}):")
            self.line(f"    {block.name} = None")
        if swallowing or block.caught:
            # Or in place of a jump.
            self.line("jump = None")
        self.line(f'run.value("{block.name}", {block.name})')

    def item(self, item: Item) -> str:
        manager = self.manager(item.manager)
        if item.fault:
            manager = f"run.attempted({item.fault}, {manager})"
        return f"{manager} as {item.python_target}" if item.python_target else manager

    def manager(self, manager: Manager) -> str:
        kind = manager.kind
        if kind == "several":
            return f"Several(run, {', '.join(self.manager(part) for part in manager.parts)})"
        if kind == "stack":
            return "Stack.of(run)"
        if kind == "taken":
            return f"{manager.name}.pop_all()"
        arguments = f'run, "{manager.name}"'
        if any(manager.pauses):
            arguments += f", pauses={manager.pauses}"
        if any(manager.faults):
            arguments += f", faults={manager.faults}"
        if manager.starts_at:
            arguments += f", start={manager.starts_at.python} + {manager.start}"
        elif manager.start:
            arguments += f", start={manager.start}"
        if kind == "limit":
            arguments += f", limit={manager.limit}"
        if manager.suppresses:
            arguments += f", site={manager.site}"
        if kind == "maybe":
            return f"(Manager({arguments}) if run.chance({manager.site}, 50) else nullcontext())"
        made = f"{CLASSES[kind]}({arguments})"
        return f"({manager.name} := {made})" if manager.suppresses else made
