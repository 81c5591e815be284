//! Programs as source. The build script has this file too.

use std::fmt::Write;

use crate::program::{Block, Form, Item, Kind, Plan, Program, Statement, Tail, Way};

/// A function that does what `program` says: `async fn NAME(run: &Run) -> Result<u32, Fault>`.
pub fn function(name: &str, program: &Program) -> String {
    let mut source = Source { text: String::new(), indent: 0, loops: 0, forms: 0 };
    if program.blocks().into_iter().any(Block::is_scoped) {
        source.line("#[scoped]");
    }
    source.line(&format!("pub async fn {name}(run: &Run) -> Result<u32, Fault> {{"));
    source.indented(|source| {
        source.statements(&program.body);
        // The rest of the function gives it.
        if !matches!(program.body.last(), Some(Statement::Block(Block { form: Form::Rest, .. }))) {
            source.line("Ok(0)");
        }
    });
    source.line("}");
    source.text
}

struct Source {
    text: String,
    indent: usize,
    /// How many loops are around.
    loops: usize,
    /// Chooses among the ways in which the same can be written.
    forms: usize,
}

impl Source {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 4 * self.indent).expect("a string takes everything");
    }

    fn indented(&mut self, write: impl FnOnce(&mut Self)) {
        self.indent += 1;
        write(self);
        self.indent -= 1;
    }

    /// One of so many forms, in turn.
    fn form(&mut self, of: usize) -> usize {
        self.forms += 1;
        self.forms % of
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Await(times) => self.line(&format!("run.wait({times}).await;")),
                Statement::Leave { turn, way } => self.leave(*turn, *way),
                Statement::Loop { turns, body } => self.repeat(*turns, body),
                Statement::Block(block) => self.block(block),
            }
        }
    }

    fn repeat(&mut self, turns: usize, body: &[Statement]) {
        let level = self.loops;
        // A label that no jump uses is a warning.
        let label =
            if uses_label(body, level, level + 1) { format!("'loop_{level}: ") } else { String::new() };
        self.line(&format!("{label}for turn_{level} in 0..{turns} {{"));
        self.loops += 1;
        self.indented(|source| {
            source.line(&format!("run.turn({level}, turn_{level});"));
            source.statements(body);
        });
        self.loops -= 1;
        self.line("}");
    }

    fn leave(&mut self, when: usize, way: Way) {
        let innermost = self.loops.checked_sub(1);
        let turn = innermost.map_or_else(|| "0".to_owned(), |level| format!("turn_{level}"));
        let label = |level| if Some(level) == innermost { String::new() } else { format!(" 'loop_{level}") };
        let way = match way {
            Way::Return => "return Ok(7);".to_owned(),
            Way::ReturnErr => "return Err(run.fault(\"returned\"));".to_owned(),
            Way::Fail => "Err(run.fault(\"failed\"))?;".to_owned(),
            Way::Panic => "run.panic(\"body\");".to_owned(),
            Way::Break(level) => format!("break{};", label(level)),
            Way::Continue(level) => format!("continue{};", label(level)),
        };
        self.line(&format!("if run.leaves({turn}, {when}) {{"));
        self.indented(|source| source.line(&way));
        self.line("}");
    }

    fn block(&mut self, block: &Block) {
        match block.form {
            Form::Macro => self.call(block),
            Form::Braces => {
                self.line("run.note(&{");
                self.indented(|source| source.rest(block));
                self.line("});");
            }
            Form::Rest => self.rest(block),
        }
    }

    fn rest(&mut self, block: &Block) {
        for item in &block.items {
            let (manager, pattern) = self.item(item);
            let pattern = pattern.unwrap_or_else(|| "_".to_owned());
            if self.form(2) == 0 {
                self.line("#[enter]");
                self.line(&format!("let {pattern} = {manager};"));
            } else {
                self.line(&format!("#[async_with::enter] let {pattern} = {manager};"));
            }
            self.enter_stack(item);
        }
        self.statements(&block.body);
        match (block.form, &block.tail) {
            (Form::Rest, _) if self.loops > 0 => {}
            (Form::Rest, Tail::Err) => self.line("Err(run.fault(\"tail\"))"),
            (Form::Rest, _) => self.line("Ok(0)"),
            (_, tail) => self.tail(tail),
        }
    }

    fn tail(&mut self, tail: &Tail) {
        match tail {
            Tail::Unit => {}
            Tail::Ok => self.line("Ok::<_, Fault>(())"),
            Tail::Err => self.line("Err::<(), _>(run.fault(\"tail\"))"),
        }
    }

    fn call(&mut self, block: &Block) {
        let sync = block.items.iter().any(|item| item.is(Kind::Sync));
        let question_mark = if block.leaves && block.is_fallible() { "?" } else { "" };
        let name = if sync { "with" } else { "async_with" };
        let with_name = |(manager, pattern)| match pattern {
            Some(pattern) => format!("{manager} as {pattern}"),
            None => manager,
        };
        let mut items: Vec<_> = block.items.iter().map(|item| with_name(self.item(item))).collect();
        // The form with a comma has no place for `async`.
        let comma = !sync && self.form(3) == 0;
        let last = items.pop().expect("a block has an item");
        let arrow = match (sync, comma) {
            (true, _) => " => async {",
            (_, true) => ", {",
            _ => " => {",
        };
        if self.form(2) == 0 {
            self.line(&format!("run.note(&{name}!({}{last}{arrow}", list(&items)));
        } else {
            // Over several lines.
            self.line(&format!("run.note(&{name}!("));
            self.indented(|source| {
                for item in &items {
                    source.line(&format!("{item},"));
                }
                source.line(&format!("{last}{arrow}"));
            });
        }
        self.indented(|source| {
            for item in &block.items {
                source.enter_stack(item);
            }
            source.statements(&block.body);
            source.tail(&block.tail);
        });
        self.line(&format!("}}){question_mark});"));
    }

    /// A manager, and the pattern of its value.
    fn item(&mut self, item: &Item) -> (String, Option<String>) {
        let make = |plan: &Plan| format!("run.plain(\"{}\")?", plan.name);
        let all = |plans: &[Plan]| plans.iter().map(make).collect::<Vec<_>>().join(", ");
        // `vec![]` of nothing does not know its type.
        let vec = |plans: &[Plan]| {
            if plans.is_empty() { "Vec::<Plain>::new()".to_owned() } else { format!("vec![{}]", all(plans)) }
        };
        match item {
            Item::One(kind, plan) => {
                let constructor = match kind {
                    Kind::Plain => "plain",
                    Kind::Local => "local",
                    Kind::Sure => "sure",
                    Kind::Suppressing => "suppressing",
                    Kind::Observing => "observing",
                    Kind::Sync => "sync",
                };
                let pattern = match self.form(5) {
                    0 => None,
                    1 => Some("_".to_owned()),
                    2 => Some(format!("_{}", plan.name.to_lowercase())),
                    3 => Some("String { .. }".to_owned()),
                    _ => Some(format!("mut _{}", plan.name.to_lowercase())),
                };
                (format!("run.{constructor}(\"{}\")?", plan.name), pattern)
            }
            Item::Maybe(None) => ("None::<Plain>".to_owned(), None),
            Item::Maybe(Some(plan)) => (format!("Some({})", make(plan)), Some("_maybe".to_owned())),
            Item::List(plans) => (vec(plans), None),
            Item::Tuple(plans) => {
                let pattern = (self.form(2) == 0).then(|| "(_first, _second)".to_owned());
                (format!("({})", all(plans.as_slice())), pattern)
            }
            Item::Together(plans) if plans.len() > 1 && self.form(2) == 0 => {
                (format!("together(({}))", all(plans)), None)
            }
            Item::Together(plans) => (format!("together({})", vec(plans)), None),
            Item::Stack(_) => ("AsyncExitStack::<Fault>::new()".to_owned(), Some("stack".to_owned())),
        }
    }

    fn enter_stack(&mut self, item: &Item) {
        let Item::Stack(plans) = item else { return };
        if plans.is_empty() {
            self.line("let _ = stack;");
        }
        for Plan { name, .. } in plans {
            let entered = format!("stack.enter(run.plain(\"{name}\")?).await?");
            // A handle lives as long as it likes.
            let line = if self.form(2) == 0 {
                format!("drop({entered});")
            } else {
                format!("let _handle = {entered};")
            };
            self.line(&line);
        }
    }
}

fn list(items: &[String]) -> String {
    items.iter().fold(String::new(), |text, item| text + item + ", ")
}

/// Whether a jump needs the label of the loop at `level`, with so many loops around it.
fn uses_label(statements: &[Statement], level: usize, loops: usize) -> bool {
    statements.iter().any(|statement| match statement {
        Statement::Leave { way: Way::Break(target) | Way::Continue(target), .. } => {
            *target == level && loops != level + 1
        }
        Statement::Await(_) | Statement::Leave { .. } => false,
        Statement::Loop { body, .. } => uses_label(body, level, loops + 1),
        Statement::Block(block) => uses_label(&block.body, level, loops),
    })
}
