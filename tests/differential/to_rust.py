"""Writes a program in Rust, with the macros as a user writes them."""

from __future__ import annotations

from programs import (
    LEAVES, Add, Block, For, Function, If, Item, Jump, Loop, Manager, Pause, Program, Raise, Return, Select, StackDefer,
    StackEnter, StackTake, Step, Tail, Try, Use, While, blocks, walk,
)


def source(programs: list[Program], lints: str = "#![deny(warnings)]\n") -> str:
    """A binary of these programs."""
    listed = "".join(
        f"    differential::run({program.number}, {str(program.cuts).lower()}, {program.name});\n"
        for program in programs
    )
    functions = "\n".join(Printer().program(program) for program in programs)
    return f"""{lints}#![allow(unused_imports, reason = "each part uses some of them")]

use async_with::{{AsyncContextManagerExt, AsyncExitStack, ContextManagerExt, async_with, with, within}};
use differential::{{Counter, Fault, Odd, Run, bail, fail, fail_late}};

fn main() {{
{listed}}}

{functions}"""


class Printer:
    def __init__(self):
        self.lines = []
        self.indent = 0
        # The loops around, innermost last: label, and whether it is left with a value.
        self.loops = []

    def program(self, program: Program) -> str:
        self.function(program.function)
        return "\n".join(self.lines) + "\n"

    def line(self, text: str):
        self.lines.append("    " * self.indent + text)

    def inside(self, body):
        self.indent += 1
        body()
        self.indent -= 1

    def captured(self, write) -> list[str]:
        """The lines of something that goes into something else."""
        lines, self.lines = self.lines, []
        write()
        lines, self.lines = self.lines, lines
        return lines

    def wrapped(self, before: str, lines: list[str], after: str):
        lines[0] = "    " * self.indent + before + lines[0].strip()
        lines[-1] += after
        self.lines += lines

    def function(self, function: Function):
        loops, self.loops = self.loops, []
        if function.within:
            self.line(f"#[within({', '.join(self.item(item) for item in function.within)})]")
        self.line(f"async fn {function.name}(run: Run) -> Result<i64, Fault> {{")
        self.inside(lambda: self.function_body(function, "Ok"))
        self.line("}")
        self.loops = loops

    def function_body(self, function: Function, ok: str):
        self.line("let mut total = 0;")
        self.line("run.add(&mut total, 1);")
        self.statements(function.body)
        value = "total" if function.tail.value is None else function.tail.value
        if function.tail.fault:
            fault = function.tail.fault
            self.line(f"if run.chance({fault}, 50) {{ Err(Fault({fault})) }} else {{ {ok}({value}) }}")
        else:
            self.line(f"{ok}({value})")

    def statements(self, body: list):
        for statement in body:
            getattr(self, "write_" + type(statement).__name__.lower())(statement)

    def write_step(self, step: Step):
        self.line(f'run.log("step {step.number}");')

    def write_pause(self, pause: Pause):
        self.line(f"run.pause({pause.times}).await;")

    def write_add(self, add: Add):
        self.line(f"run.add(&mut total, {add.amount});")

    def write_use(self, use: Use):
        place = use.binding.rust
        self.line(f'{place} = run.used("{use.binding.name}", {place}, {use.amount});')

    def write_if(self, branch: If):
        self.line(f"if run.chance({branch.site}, {branch.percent}) {{")
        self.inside(lambda: self.statements(branch.then))
        if branch.otherwise:
            self.line("} else {")
            self.inside(lambda: self.statements(branch.otherwise))
        self.line("}")

    def looped(self, node, head: str, value: bool, first=lambda: None, last=lambda: None):
        label = f"'{node.label}: " if self.labelled(node) else ""
        self.loops.append((node.label, value))
        self.line(f"{label}{head} {{")

        def body():
            first()
            self.statements(node.body)
            last()

        self.inside(body)
        self.loops.pop()

    @staticmethod
    def labelled(loop) -> bool:
        return any(
            isinstance(node, Jump) and node.target == loop.label for node in walk(loop, into_functions=False)
        )

    def write_for(self, loop: For):
        def first():
            self.line('run.log(format!("turn {turn}"));')

        self.looped(loop, f"for turn in 0..{loop.turns}", False, first)
        self.line("}")

    def write_while(self, loop: While):
        self.looped(loop, f"while run.turn({loop.site}, {loop.turns})", False)
        self.line("}")

    def write_loop(self, loop: Loop):
        def first():
            self.line(f"if !run.turn({loop.site}, {loop.turns}) {{")
            self.inside(lambda: self.line(f"break {loop.site};"))
            self.line("}")

        lines = self.captured(lambda: self.looped(loop, "loop", True, first))
        self.wrapped(f"let {loop.label} = ", lines, "")
        self.line("};")
        self.line(f'run.value("{loop.label}", Some({loop.label}));')

    def write_jump(self, jump: Jump):
        label = f" '{jump.target}" if jump.target else ""
        value = " 7" if jump.word == "break" and not jump.target and self.loops[-1][1] else ""
        self.line(f"{jump.word}{label}{value};")

    def write_return(self, leave: Return):
        self.line(f"return Ok({'total' if leave.value is None else leave.value});")

    def write_raise(self, leave: Raise):
        match leave.form:
            case "question":
                self.line(f"fail::<()>({leave.number})?;")
            case "return":
                self.line(f"return Err(Fault({leave.number}));")
            case "bail":
                self.line(f"bail!({leave.number});")
            case "convert":
                self.line(f"Err::<(), _>(Odd({leave.number}))?;")
            case "awaited":
                self.line(f"fail_late::<()>({leave.number}).await?;")

    def write_stackenter(self, enter: StackEnter):
        amount = 3
        name = enter.manager.name
        self.line("{")

        def body():
            self.line(f"let mut entered = {enter.stack}.enter({self.manager(enter.manager)}).await?;")
            self.line(f'entered.count = run.used("{name}", entered.count, {amount});')

        self.inside(body)
        self.line("}")

    def write_stackdefer(self, defer: StackDefer):
        if defer.told:
            call = f'run.deferred("{defer.name}", {defer.pauses}, {defer.fault})'
        else:
            call = f'run.called("{defer.name}", {defer.pauses})'
        self.line(f"{defer.stack}.defer({call});")

    def write_stacktake(self, take: StackTake):
        self.write_block(take.block)

    def write_select(self, select: Select):
        self.line("tokio::select! {")

        def arm():
            self.line("() = run.pause(1) => {")
            self.inside(lambda: self.statements(select.body))
            self.line("}")

        self.inside(arm)
        self.line("}")

    def write_try(self, attempt: Try):
        name, function = attempt.name, attempt.function
        form = attempt.form
        # In an `async {}` whose type is written nowhere, a manager that observes needs it to be.
        if form == "async" and any(item.manager.observes for block in blocks(function) for item in block.items):
            form = "closure"
        if form in ("fn", "within"):
            self.function(function)
            call = f"{name}(run.clone()).await"
            self.line(f"let {name} = match {call} {{")
        else:
            typed = form == "closure"
            head = "(async || -> Result<i64, Fault> {" if typed else "async {"
            ok = "Ok" if typed else "Ok::<i64, Fault>"
            loops, self.loops = self.loops, []
            self.line(f"let {name}_result = {head}")
            self.inside(lambda: self.function_body(function, ok))
            self.line("})().await;" if typed else "}.await;")
            self.loops = loops
            self.line(f"let {name} = match {name}_result {{")
        self.line("    Ok(value) => Some(value),")
        self.line("    Err(fault) => run.caught(fault),")
        self.line("};")
        self.line(f'run.value("{name}", {name});')
        if attempt.handler:
            self.line(f"if {name}.is_none() {{")
            self.inside(lambda: self.statements(attempt.handler))
            self.line("}")

    def write_block(self, block: Block):
        suppressing = sum(item.manager.suppresses for item in block.items)
        fallible = any(item.manager.fallible for item in block.items)

        def shaped(value: str) -> str:
            """The body's value, if there is one; an error as a value leaves the function."""
            if not suppressing:
                return f"Some({value}?)" if block.tail.fault else f"Some({value})"
            flat = value + ".flatten()" * (suppressing - 1)
            return f"{flat}.transpose()?" if block.tail.fault else flat

        lines = self.captured(lambda: self.invocation(block))
        let = f"let {block.name}: Option<i64> = "
        if block.caught:
            self.wrapped(f"{let}match ", lines, " {")
        else:
            before, after = shaped("\0?" if fallible else "\0").split("\0")
            self.wrapped(let + before, lines, f"{after};")
        if block.caught:
            self.line(f"    Ok(value) => {shaped('value')},")
            self.line("    Err(error) => run.caught(error.into()),")
            self.line("};")
        self.line(f'run.value("{block.name}", {block.name});')

    def invocation(self, block: Block):
        name = "with" if block.sync else "async_with"
        items = ", ".join(self.item(item) for item in block.items)
        opens, closes = {"braces": (" {", "}"), "brackets": ("[", "]")}.get(block.form, ("(", ")"))
        if block.form == "value":
            value = self.tail_value(block.tail) if not block.tail.fault else self.fault_tail(block.tail)
            value = f"async {{ {value} }}" if block.sync else value
            self.line(f"{name}!({items} => {value})")
            return
        asynchronous = "async " if block.sync else ""
        separator = {"comma": ", ", "trailing": ", => "}.get(block.form, " => ")
        if block.sync and separator == ", ":
            separator = " => "
        self.line(f"{name}!{opens}{items}{separator}{asynchronous}{{")

        def body():
            self.statements(block.body)
            if block.body and isinstance(block.body[-1], LEAVES):
                last = block.body[-1]
                if isinstance(last, Raise) and last.form in ("question", "convert", "awaited"):
                    # It has the type that the block is expected to have.
                    self.lines.pop()
                    value = f"fail_late({last.number}).await?" if last.form == "awaited" else f"fail({last.number})?"
                    self.line(value)
            elif block.tail.fault:
                self.line(self.fault_tail(block.tail))
            else:
                self.line(self.tail_value(block.tail))

        self.inside(body)
        self.line(f"}}{closes}")

    @staticmethod
    def tail_value(tail: Tail) -> str:
        return "total" if tail.value is None else f"run.keep({tail.value})"

    def fault_tail(self, tail: Tail) -> str:
        return f"if run.chance({tail.fault}, 50) {{ Err(Fault({tail.fault})) }} else {{ Ok({self.tail_value(tail)}) }}"

    def item(self, item: Item) -> str:
        manager = self.manager(item.manager)
        if item.fault:
            manager = f"run.attempted({item.fault}, {manager})?"
        return f"{manager} as {item.rust_pattern}" if item.rust_pattern else manager

    def manager(self, manager: Manager) -> str:
        kind, name = manager.kind, manager.name
        if kind == "several":
            parts = ", ".join(self.manager(part) for part in manager.parts)
            opens, closes = {"tuple": ("(", ")"), "array": ("[", "]"), "vec": ("vec![", "]")}[manager.form]
            return f"{opens}{parts}{closes}"
        if kind == "stack":
            return "AsyncExitStack::<Fault>::new()"
        if kind == "taken":
            return f"{name}.take()"
        core = f'run.core("{name}")'
        for method, numbers in (("pausing", manager.pauses), ("failing", manager.faults)):
            if any(numbers):
                core += f".{method}({numbers[0]}, {numbers[1]})"
        if manager.starts_at:
            core += f".starting({manager.starts_at.rust} + {manager.start})"
        elif manager.start:
            core += f".starting({manager.start})"
        match manager.form:
            case "from_fn" | "context":
                return f"{core}.by_{manager.form}()"
            case "into_async":
                return f"{core}.sync().into_async()"
        match kind:
            case "limit":
                text = f"{core}.limit({manager.limit[0]}, {manager.limit[1]})"
            case "swallow" | "sure_swallow" | "picky":
                text = f"{core}.{kind}({manager.site})"
            case "maybe":
                text = f"run.chance({manager.site}, 50).then(|| {core}.unsure())"
            case _:
                text = f"{core}.{kind}()"
        match manager.form:
            case "boxed":
                return f"{text}.boxed()"
            case "err_into":
                return f"{text}.err_into::<Fault>()"
            case "map_err":
                return f"{text}.map_err(|Fault(number)| Odd(number))"
        return text
