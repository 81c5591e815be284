//! What a program does, by the rules of the documentation alone: a plain recursive function, without futures.
//!
//! Time is counted in releases: whatever waits is in a queue, and one of them is released at a time. A program can be cut,
//! or made to panic, at any of them.

mod enters;
mod exits;

use std::fmt;

use self::exits::{Exit, Failure, Job};
use crate::program::{Block, End, Form, Item, Kind, Plan, Program, Statement, Tail, Way};

/// What is done to a program from outside, after so many releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    None,
    /// Its future is dropped.
    Cut(usize),
    /// What is released panics.
    Panic(usize),
}

/// What a program does.
#[derive(Debug, PartialEq, Eq)]
pub struct Course {
    pub events: Vec<String>,
    /// How many releases it takes until all has ended, also what was detached.
    pub releases: usize,
}

/// What `program` should do.
///
/// # Panics
///
/// If the model is wrong about itself.
#[must_use]
pub fn course(program: &Program, disturbance: Disturbance) -> Course {
    let mut model = Model::new(disturbance);
    let ended = model.statements(&program.body, &[]);
    model.alive = false;
    model.log(match &ended {
        Ok(()) => "result Ok(0)".to_owned(),
        Err(Flow::Return(Ok(number))) => format!("result Ok({number})"),
        Err(Flow::Return(Err(fault))) => format!("result Err({fault})"),
        Err(Flow::Panic(fault)) => format!("result panic {fault}"),
        Err(Flow::Cut) => "cut".to_owned(),
        Err(Flow::Break(_) | Flow::Continue(_) | Flow::Interrupted(_)) => {
            unreachable!("what they leave is around them")
        }
    });
    assert!(ended == Err(Flow::Cut) || model.jobs.is_empty(), "an exit is left behind");
    model.run_jobs(0).expect("nobody is there who could be cut");
    Course { events: model.events, releases: model.released }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Completed,
    Returned,
    Broke,
    Continued,
    Failed,
    Panicked,
    Interrupted,
    Cancelled,
}

impl Told {
    fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::Returned | Self::Broke | Self::Continued)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// How statements end, if not at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flow {
    Return(Result<u32, String>),
    Break(usize),
    Continue(usize),
    Panic(String),
    /// The block at this depth stops its body.
    Interrupted(usize),
    Cut,
}

/// How a block ends, or the rest of one after some of its items.
enum Ended {
    Value(Value),
    Flow(Flow),
    /// By its own manager.
    Interrupted(String),
}

struct Value {
    /// As it is written down.
    shown: Result<String, String>,
    /// Whether the item around it counts it as a failure.
    failed: bool,
    /// The error of an item's exit, on its way out through the items around it: reported if something overtakes it.
    leaving: Option<Failure>,
}

impl Ended {
    fn error(fault: String) -> Self {
        Self::Value(Value { shown: Err(fault), failed: true, leaving: None })
    }

    fn told(&self) -> Told {
        match self {
            Self::Value(value) if value.failed => Told::Failed,
            Self::Value(_) => Told::Completed,
            Self::Interrupted(_) => Told::Interrupted,
            Self::Flow(Flow::Return(Err(_))) => Told::Failed,
            Self::Flow(Flow::Return(Ok(_))) => Told::Returned,
            Self::Flow(Flow::Break(_)) => Told::Broke,
            Self::Flow(Flow::Continue(_)) => Told::Continued,
            Self::Flow(Flow::Panic(_)) => Told::Panicked,
            Self::Flow(Flow::Interrupted(_) | Flow::Cut) => Told::Cancelled,
        }
    }
}

/// An item that has been entered.
struct Scope {
    /// In the order in which they start.
    exits: Vec<Exit>,
    concurrent: bool,
    kind: Kind,
    /// What an `#[enter] let` gives when a failure is swallowed. The value of a macro is an `Option` then.
    nothing: Option<&'static str>,
    /// The first one that is due comes.
    due: Vec<Due>,
}

/// After how many releases an interrupt comes, and with what.
type Due = (usize, String);

struct Model {
    events: Vec<String>,
    released: usize,
    disturbance: Disturbance,
    /// Whether the program can still be cut and interrupted.
    alive: bool,
    /// The items whose bodies are running, outermost first.
    scopes: Vec<Scope>,
    /// Exits that run detached, one after the other.
    jobs: Vec<Job>,
}

impl Model {
    fn new(disturbance: Disturbance) -> Self {
        Self {
            events: Vec::new(),
            released: 0,
            disturbance,
            alive: true,
            scopes: Vec::new(),
            jobs: Vec::new(),
        }
    }

    fn log(&mut self, event: impl Into<String>) {
        self.events.push(event.into());
    }

    fn lost(&mut self, Failure { fault, told, .. }: Failure) {
        self.log(format!("lost {fault}: {told}"));
    }

    /// Waits for one release. An interrupt that is due comes first, the innermost one, then the cut.
    fn suspend(&mut self) -> Result<(), Flow> {
        self.look_up()?;
        if self.alive && self.disturbance == Disturbance::Cut(self.released) {
            return Err(Flow::Cut);
        }
        self.released += 1;
        if self.disturbance == Disturbance::Panic(self.released) {
            return Err(Flow::Panic("blown".to_owned()));
        }
        Ok(())
    }

    /// Whoever suspends gives way to the interrupts around it.
    fn look_up(&self) -> Result<(), Flow> {
        let due = |scope: &Scope| scope.due.iter().any(|(due, _)| *due <= self.released);
        match self.scopes.iter().rposition(due) {
            Some(depth) if self.alive => Err(Flow::Interrupted(depth)),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, times: usize) -> Result<(), Flow> {
        (0..times).try_for_each(|_| self.suspend())
    }

    fn statements(&mut self, statements: &[Statement], turns: &[usize]) -> Result<(), Flow> {
        statements.iter().try_for_each(|statement| match statement {
            Statement::Await(times) => self.wait(*times),
            Statement::Leave { turn, way } if turns.last().unwrap_or(&0) == turn => Err(leave(*way)),
            Statement::Leave { .. } => Ok(()),
            Statement::Loop { turns: times, body } => self.repeat(*times, body, turns),
            Statement::Block(block) => self.block(block, turns),
        })
    }

    fn repeat(&mut self, times: usize, body: &[Statement], around: &[usize]) -> Result<(), Flow> {
        let level = around.len();
        for turn in 0..times {
            self.log(format!("turn {level}.{turn}"));
            match self.statements(body, &[around, &[turn]].concat()) {
                Err(Flow::Break(target)) if target == level => break,
                Err(Flow::Continue(target)) if target == level => {}
                ended => ended?,
            }
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, turns: &[usize]) -> Result<(), Flow> {
        match self.items(&block.items, block, turns) {
            Ended::Flow(flow) => return Err(flow),
            Ended::Value(Value { shown: Err(fault), .. }) if block.leaves => {
                return Err(Flow::Return(Err(fault)));
            }
            Ended::Value(_) if block.form == Form::Rest => {}
            Ended::Value(Value { shown: Ok(shown), .. }) if block.leaves || !block.is_fallible() => {
                self.log(format!("value {shown}"));
            }
            Ended::Value(Value { shown: Ok(shown), .. }) => self.log(format!("value Ok({shown})")),
            Ended::Value(Value { shown: Err(fault), .. }) => self.log(format!("value Err({fault})")),
            Ended::Interrupted(_) => unreachable!("its item has made a value of it"),
        }
        Ok(())
    }

    /// The rest of a block, of which some items have been entered.
    fn items(&mut self, items: &[Item], block: &Block, turns: &[usize]) -> Ended {
        let Some((item, rest)) = items.split_first() else {
            return match self.statements(&block.body, turns) {
                // It is what the function returns.
                Ok(()) if block.form == Form::Rest && block.tail == Tail::Err => {
                    Ended::Flow(Flow::Return(Err("tail".to_owned())))
                }
                Ok(()) => Ended::Value(Value::of(&block.tail)),
                Err(flow) => Ended::Flow(flow),
            };
        };
        let inside = items.len() < block.items.len() && !block.is_scoped();
        let nothing = block.is_scoped().then(|| if block.tail == Tail::Unit { "()" } else { "Ok(())" });
        let (plans, kind) = (item.plans(), if let Item::One(kind, _) = item { *kind } else { Kind::Plain });
        // The managers of a stack are made and entered at the beginning of its body.
        if let Item::Stack(plans) = item {
            let stack = Scope { exits: Vec::new(), concurrent: false, kind, nothing, due: Vec::new() };
            return self.scope(stack, inside, |model| match model.fill_stack(plans) {
                Ok(()) => model.items(rest, block, turns),
                Err(flow) => Ended::Flow(flow),
            });
        }
        let made = plans.iter().try_for_each(|plan| self.end(&plan.name, "made", plan.made));
        if let Err(flow) = made {
            return Ended::Flow(flow);
        }
        let concurrent = matches!(item, Item::Together(_));
        let entered = if concurrent { self.enter_together(plans) } else { self.enter(plans, kind) };
        let exits = match entered {
            Ok(exits) => exits,
            Err(ended) => return ended,
        };
        let due = plans.iter().filter_map(|plan| self.due(plan)).collect();
        self.scope(Scope { exits, concurrent, kind, nothing, due }, inside, |model| {
            match model.items(rest, block, turns) {
                // What an `#[enter] let` fails with leaves the function.
                Ended::Value(Value { shown: Err(fault), .. }) if block.is_scoped() => {
                    Ended::Flow(Flow::Return(Err(fault)))
                }
                ended => ended,
            }
        })
    }

    fn due(&self, plan: &Plan) -> Option<Due> {
        plan.interrupts.map(|releases| (self.released + releases, format!("{} interrupt", plan.name)))
    }

    /// How a step ends.
    fn end(&mut self, name: &str, what: &str, end: End) -> Result<(), Flow> {
        let fault = format!("{name} {what}");
        if end != End::Succeeds {
            self.log(format!("failed {fault}"));
        }
        match end {
            End::Succeeds => Ok(()),
            End::Fails => Err(Flow::Return(Err(fault))),
            End::Panics => Err(Flow::Panic(fault)),
        }
    }

    /// The body of an item, and its exit. If it is `inside`, other items of its block are around it.
    fn scope(&mut self, scope: Scope, inside: bool, body: impl FnOnce(&mut Self) -> Ended) -> Ended {
        let (first_job, depth) = (self.jobs.len(), self.scopes.len());
        self.scopes.push(scope);
        let mut ended = body(self);
        let mut scope = self.scopes.pop().expect("it has been pushed");
        match &ended {
            Ended::Flow(Flow::Interrupted(target)) if *target == depth => {
                let due = std::mem::take(&mut scope.due);
                let (_, fault) = due.into_iter().find(|(due, _)| *due <= self.released).expect("one is due");
                ended = Ended::Interrupted(fault);
            }
            Ended::Flow(Flow::Interrupted(_) | Flow::Cut) => {
                self.cut(scope, Told::Cancelled);
                return ended;
            }
            Ended::Flow(Flow::Return(Err(fault))) if scope.kind == Kind::Observing => {
                self.log(format!("observe {}: {fault}", scope.exits[0].name));
            }
            _ => {}
        }
        let (kind, nothing, told) = (scope.kind, scope.nothing, ended.told());
        let asked = kind == Kind::Suppressing && matches!(told, Told::Failed | Told::Interrupted);
        if asked {
            self.log(format!("ask {}: {told}", scope.exits[0].name));
        }
        let swallowed = asked && scope.exits[0].swallows;
        let leaving = match &mut ended {
            Ended::Value(value) if !swallowed => value.leaving.take(),
            _ => None,
        };
        let failure = match self.exit(scope, told, first_job) {
            Ok(failure) => failure,
            Err((flow, scope)) => {
                self.overtaken(leaving);
                if let Some(scope) = scope {
                    self.cut(scope, told);
                }
                return Ended::Flow(flow);
            }
        };
        match failure {
            Some(failure) if failure.panics && told != Told::Panicked => {
                self.overtaken(leaving);
                return Ended::Flow(Flow::Panic(failure.fault));
            }
            Some(failure) if !told.is_success() && !swallowed => self.lost(Failure { told, ..failure }),
            Some(failure) => {
                let shown = Err(failure.fault.clone());
                let leaving = inside.then_some(Failure { told, ..failure });
                return Ended::Value(Value { shown, failed: true, leaving });
            }
            None => {}
        }
        match ended {
            _ if swallowed => {
                let shown = Ok(nothing.unwrap_or("None").to_owned());
                Ended::Value(Value { shown, failed: false, leaving: None })
            }
            Ended::Interrupted(fault) => Ended::error(fault),
            Ended::Value(Value { shown: Ok(shown), failed, .. })
                if kind == Kind::Suppressing && nothing.is_none() =>
            {
                Ended::Value(Value { shown: Ok(format!("Some({shown})")), failed, leaving: None })
            }
            Ended::Value(value) => Ended::Value(Value { leaving, ..value }),
            ended @ Ended::Flow(_) => ended,
        }
    }

    fn overtaken(&mut self, leaving: Option<Failure>) {
        if let Some(failure) = leaving {
            self.lost(failure);
        }
    }
}

impl Value {
    fn of(tail: &Tail) -> Self {
        let shown = match tail {
            Tail::Unit => "()",
            Tail::Ok => "Ok(())",
            Tail::Err => "Err(tail)",
        };
        Self { shown: Ok(shown.to_owned()), failed: *tail == Tail::Err, leaving: None }
    }
}

fn leave(way: Way) -> Flow {
    match way {
        Way::Return => Flow::Return(Ok(7)),
        Way::ReturnErr => Flow::Return(Err("returned".to_owned())),
        Way::Fail => Flow::Return(Err("failed".to_owned())),
        Way::Panic => Flow::Panic("body".to_owned()),
        Way::Break(level) => Flow::Break(level),
        Way::Continue(level) => Flow::Continue(level),
    }
}
