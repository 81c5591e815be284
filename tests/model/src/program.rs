//! Programs: what is run for real, and by the model.
//!
//! The build script has this file too, to write programs as source.

use proptest::prelude::*;
use proptest::sample::select;

/// The body of an asynchronous function that returns a number or a fault.
#[derive(Clone, Debug)]
pub struct Program {
    pub body: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub enum Statement {
    /// Suspends so many times.
    Await(usize),
    /// Leaves, in this turn of the innermost loop.
    Leave {
        turn: usize,
        way: Way,
    },
    Loop {
        turns: usize,
        body: Vec<Statement>,
    },
    Block(Block),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Return,
    /// `return Err(..)`
    ReturnErr,
    /// `Err(..)?`
    Fail,
    Panic,
    /// Out of the loop at this level: 0 is the outermost one.
    Break(usize),
    Continue(usize),
}

/// One call of the macro, or the same by `#[enter] let`.
#[derive(Clone, Debug)]
pub struct Block {
    pub items: Vec<Item>,
    pub body: Vec<Statement>,
    pub tail: Tail,
    /// Whether an error of the block leaves by `?`; else it is written down, and the program goes on.
    pub leaves: bool,
    pub form: Form,
}

/// How a block is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `async_with!` or `with!`
    Macro,
    /// `#[enter] let` at the beginning of a block in braces. Errors leave.
    Braces,
    /// `#[enter] let` in the body of a loop, or of the function, which ends with it. Its value is not written down.
    Rest,
}

/// The value of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    Unit,
    Ok,
    Err,
}

#[derive(Clone, Debug)]
pub enum Item {
    One(Kind, Plan),
    /// `Option`
    Maybe(Option<Plan>),
    /// `Vec`
    List(Vec<Plan>),
    Tuple(Box<[Plan; 2]>),
    /// `together`
    Together(Vec<Plan>),
    /// `AsyncExitStack`, whose managers are entered at the beginning of the body.
    Stack(Vec<Plan>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Local,
    /// It cannot fail.
    Sure,
    Suppressing,
    Observing,
    /// For `with!`, alone in its block.
    Sync,
}

/// What a manager does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Unlike all others in the program.
    pub name: String,
    /// Of the expression that makes it.
    pub made: End,
    pub enter: Step,
    pub exit: Step,
    /// After how many steps of the program since its enter it interrupts the body.
    pub interrupts: Option<usize>,
    /// What it answers if it is asked whether it swallows a failure.
    pub swallows: bool,
}

/// An enter or an exit: how often it suspends, and how it ends.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub pends: usize,
    pub end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Succeeds,
    Fails,
    Panics,
}

impl Item {
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        match self {
            Self::One(_, plan) => std::slice::from_ref(plan),
            Self::Maybe(plan) => plan.as_slice(),
            Self::List(plans) | Self::Together(plans) | Self::Stack(plans) => plans,
            Self::Tuple(plans) => plans.as_slice(),
        }
    }

    fn plans_mut(&mut self) -> &mut [Plan] {
        match self {
            Self::One(_, plan) => std::slice::from_mut(plan),
            Self::Maybe(plan) => plan.as_mut_slice(),
            Self::List(plans) | Self::Together(plans) | Self::Stack(plans) => plans,
            Self::Tuple(plans) => plans.as_mut_slice(),
        }
    }

    #[must_use]
    pub fn is(&self, kind: Kind) -> bool {
        matches!(self, Self::One(own, _) if *own == kind)
    }
}

impl Block {
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        self.form != Form::Macro
    }

    /// Whether the whole gives a `Result`.
    #[must_use]
    pub fn is_fallible(&self) -> bool {
        !self.items.iter().all(|item| item.is(Kind::Sure))
    }

    /// As the last statement of a `place`, it may be the rest of that.
    fn end(&mut self, place: Place) {
        // A function that returns a number has none when a failure is swallowed.
        let swallows = self.items.iter().any(|item| item.is(Kind::Suppressing));
        if self.form == Form::Macro || place == Place::Block || (place == Place::Function && swallows) {
            return;
        }
        self.form = Form::Rest;
        if place == Place::Loop {
            self.tail = Tail::Unit;
        }
    }
}

impl Program {
    /// Of any shape that can be written as source.
    pub fn any() -> impl Strategy<Value = Self> {
        Self::of(true)
    }

    /// Whose blocks have one manager each, of any kind, or several plain ones, all by the macros.
    pub fn simple() -> impl Strategy<Value = Self> {
        Self::of(false)
    }

    fn of(several: bool) -> impl Strategy<Value = Self> {
        statements(several, 3).prop_map(|body| Self { body }.named())
    }

    #[must_use]
    pub fn blocks(&self) -> Vec<&Block> {
        let mut blocks = Vec::new();
        each_block(&self.body, &mut |block| blocks.push(block));
        blocks
    }

    #[must_use]
    pub fn items(&self) -> Vec<&Item> {
        self.blocks().into_iter().flat_map(|block| &block.items).collect()
    }

    /// Names all managers, and sees to it that the program can be compiled and ends.
    fn named(mut self) -> Self {
        let mut next = 0;
        resolve(&mut self.body, 0, Place::Function, &mut || {
            next += 1;
            format!("M{next}")
        });
        self
    }
}

fn each_block<'a>(statements: &'a [Statement], visit: &mut impl FnMut(&'a Block)) {
    for statement in statements {
        match statement {
            Statement::Loop { body, .. } => each_block(body, visit),
            Statement::Block(block) => {
                visit(block);
                each_block(&block.body, visit);
            }
            _ => {}
        }
    }
}

/// What statements are the body of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Function,
    Loop,
    Block,
}

fn resolve(statements: &mut [Statement], loops: usize, place: Place, name: &mut impl FnMut() -> String) {
    if let Some(Statement::Block(last)) = statements.last_mut() {
        last.end(place);
    }
    for statement in statements {
        match statement {
            Statement::Leave { way: way @ (Way::Break(_) | Way::Continue(_)), .. } if loops == 0 => {
                *way = Way::Fail;
            }
            Statement::Leave { way: Way::Break(level) | Way::Continue(level), .. } => *level %= loops,
            Statement::Await(_) | Statement::Leave { .. } => {}
            Statement::Loop { body, .. } => resolve(body, loops + 1, Place::Loop, name),
            Statement::Block(block) => {
                block.leaves |= block.is_scoped();
                if block.items.len() > 1 || block.is_scoped() {
                    let several = block.items.len() > 1;
                    // The two macros do not mix.
                    for item in &mut block.items {
                        match item {
                            Item::One(kind @ Kind::Sync, _) => *kind = Kind::Plain,
                            // Its managers are entered in the body of the whole block.
                            Item::Stack(plans) if several => *item = Item::List(std::mem::take(plans)),
                            _ => {}
                        }
                    }
                }
                for item in &mut block.items {
                    restrict(item);
                    item.plans_mut().iter_mut().for_each(|plan| plan.name = name());
                }
                resolve(&mut block.body, loops, Place::Block, name);
            }
        }
    }
}

fn restrict(item: &mut Item) {
    match item {
        Item::One(Kind::Sure, plan) => {
            for end in [&mut plan.enter.end, &mut plan.exit.end] {
                if *end == End::Fails {
                    *end = End::Succeeds;
                }
            }
            plan.interrupts = None;
        }
        Item::One(Kind::Sync, plan) => plan.interrupts = None,
        // Each suspends, so that no two end in the same poll: who comes first is then up to the order of polls.
        Item::Together(plans) => plans.iter_mut().for_each(|plan| {
            plan.enter.pends = plan.enter.pends.max(1);
            plan.exit.pends = plan.exit.pends.max(1);
        }),
        _ => {}
    }
}

fn end(bad: u32) -> impl Strategy<Value = End> {
    prop_oneof![16 => Just(End::Succeeds), bad => Just(End::Fails), bad => Just(End::Panics)]
}

fn plan() -> BoxedStrategy<Plan> {
    let step = |bad| (0..3_usize, end(bad)).prop_map(|(pends, end)| Step { pends, end });
    let interrupts = prop_oneof![4 => Just(None), 1 => (0..6_usize).prop_map(Some)];
    let made = prop_oneof![30 => Just(End::Succeeds), 1 => Just(End::Fails), 1 => Just(End::Panics)];
    (made, step(1), step(3), interrupts, any::<bool>())
        .prop_map(|(made, enter, exit, interrupts, swallows)| Plan {
            name: String::new(),
            made,
            enter,
            exit,
            interrupts,
            swallows,
        })
        .boxed()
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    prop::collection::vec(plan(), 0..4)
}

fn one() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        4 => Just(Kind::Plain),
        3 => Just(Kind::Local),
        1 => Just(Kind::Sure),
        2 => Just(Kind::Suppressing),
        1 => Just(Kind::Observing),
        1 => Just(Kind::Sync),
    ];
    (kind, plan()).prop_map(|(kind, plan)| Item::One(kind, plan))
}

/// Boxed, as other large parts: the strategies are moved about on the stack.
fn item() -> BoxedStrategy<Item> {
    prop_oneof![
        6 => one(),
        1 => prop::option::of(plan()).prop_map(Item::Maybe),
        1 => plans().prop_map(Item::List),
        1 => [plan(), plan()].prop_map(|plans| Item::Tuple(Box::new(plans))),
        1 => plans().prop_map(Item::Together),
        1 => plans().prop_map(Item::Stack),
    ]
    .boxed()
}

/// Of one block; if `several`, any items may stand in one.
fn items(several: bool) -> BoxedStrategy<Vec<Item>> {
    let plain = plan().prop_map(|plan| Item::One(Kind::Plain, plan));
    prop_oneof![
        5 => item().prop_map(|item| vec![item]),
        1 => prop::collection::vec(plain, 2..4),
        several.into() => prop::collection::vec(item(), 2..4),
    ]
    .boxed()
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        2 => Just(Way::Return),
        1 => Just(Way::ReturnErr),
        1 => Just(Way::Fail),
        1 => Just(Way::Panic),
        3 => (0..3_usize).prop_map(Way::Break),
        3 => (0..3_usize).prop_map(Way::Continue),
    ]
}

fn statements(several: bool, depth: usize) -> BoxedStrategy<Vec<Statement>> {
    let leaf = prop_oneof![
        2 => (1..3_usize).prop_map(Statement::Await),
        2 => (0..2_usize, way()).prop_map(|(turn, way)| Statement::Leave { turn, way }),
    ];
    if depth == 0 {
        return prop::collection::vec(leaf, 0..3).boxed();
    }
    let inner = statements(several, depth - 1);
    let tail = select(vec![Tail::Unit, Tail::Unit, Tail::Ok, Tail::Err]);
    let form = if several {
        prop_oneof![2 => Just(Form::Macro), 1 => Just(Form::Braces)].boxed()
    } else {
        Just(Form::Macro).boxed()
    };
    let block = (items(several), inner.clone(), tail, prop::bool::weighted(0.7), form)
        .prop_map(|(items, body, tail, leaves, form)| {
            Statement::Block(Block { items, body, tail, leaves, form })
        })
        .boxed();
    let repeated = (1..3_usize, inner).prop_map(|(turns, body)| Statement::Loop { turns, body }).boxed();
    let statement = prop_oneof![2 => leaf, 3 => block, 2 => repeated];
    prop::collection::vec(statement, 1..3).boxed()
}
