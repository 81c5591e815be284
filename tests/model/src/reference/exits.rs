//! Exits on their way: one after the other or concurrently, awaited in place or detached.

use std::collections::VecDeque;

use super::{Flow, Model, Scope, Told};
use crate::program::{End, Kind, Plan, Step};

pub(super) struct Exit {
    pub(super) name: String,
    pub(super) step: Step,
    pub(super) swallows: bool,
    pub(super) begun: bool,
    pub(super) over: bool,
}

/// The exits of one item, on their way.
pub(super) struct Job {
    pub(super) exits: Vec<Exit>,
    pub(super) concurrent: bool,
    /// Those of concurrent ones that wait.
    pub(super) queue: VecDeque<usize>,
    /// What the whole was told.
    pub(super) whole: Told,
    /// What the next exit is told.
    pub(super) told: Told,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone)]
pub(super) struct Failure {
    pub(super) fault: String,
    pub(super) panics: bool,
    pub(super) told: Told,
}

impl Exit {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { name: plan.name.clone(), step: plan.exit, swallows: plan.swallows, begun: false, over: false }
    }
}

impl Job {
    pub(super) fn new(exits: Vec<Exit>, concurrent: bool, told: Told) -> Self {
        Self { exits, concurrent, queue: VecDeque::new(), whole: told, told, failure: None }
    }
}

impl Model {
    /// The scope is dropped before its exit has begun.
    pub(super) fn cut(&mut self, scope: Scope, told: Told) {
        match scope.kind {
            Kind::Local => self.log(format!("abandon {}", scope.exits[0].name)),
            Kind::Sync => {
                if let Some(failure) = self.exit_at_once(&scope.exits[0], told) {
                    self.lost(failure);
                }
            }
            _ => self.jobs.push(Job::new(scope.exits, scope.concurrent, told)),
        }
    }

    /// Exits, after the detached exits that are nested in the scope. Cut before it has begun, it gives the scope back.
    pub(super) fn exit(
        &mut self,
        scope: Scope,
        told: Told,
        first_job: usize,
    ) -> Result<Option<Failure>, (Flow, Option<Scope>)> {
        if let Err(flow) = self.run_jobs(first_job) {
            return Err((flow, Some(scope)));
        }
        if scope.kind == Kind::Sync {
            return Ok(self.exit_at_once(&scope.exits[0], told));
        }
        let mut job = Job::new(scope.exits, scope.concurrent, told);
        match self.run(&mut job) {
            Ok(()) => Ok(job.failure),
            Err(flow) if scope.kind == Kind::Local => {
                self.log(format!("gone {}", job.exits[0].name));
                Err((flow, None))
            }
            Err(flow) => {
                self.jobs.push(job);
                Err((flow, None))
            }
        }
    }

    fn exit_at_once(&mut self, exit: &Exit, told: Told) -> Option<Failure> {
        self.log(format!("exit {}: {told}", exit.name));
        self.end_exit(&exit.name, exit.step.end, told)
    }

    fn end_exit(&mut self, name: &str, end: End, told: Told) -> Option<Failure> {
        match self.end(name, "exit", end) {
            Ok(()) => {
                self.log(format!("exited {name}"));
                None
            }
            Err(Flow::Return(Err(fault))) => Some(Failure { fault, panics: false, told }),
            Err(Flow::Panic(fault)) => Some(Failure { fault, panics: true, told }),
            Err(_) => unreachable!("a step ends in one of these"),
        }
    }

    /// Lets detached exits run to their end, from the one at `first` on.
    pub(super) fn run_jobs(&mut self, first: usize) -> Result<(), Flow> {
        if self.jobs.len() > first {
            // It is waited for, however short it is.
            self.look_up()?;
        }
        while self.jobs.len() > first {
            let mut job = self.jobs.remove(first);
            if let Err(flow) = self.run(&mut job) {
                self.jobs.insert(first, job);
                return Err(flow);
            }
            if let Some(failure) = job.failure {
                self.lost(Failure { told: job.whole, ..failure });
            }
        }
        Ok(())
    }

    /// Runs exits to their end, or until whatever awaits them is cut.
    pub(super) fn run(&mut self, job: &mut Job) -> Result<(), Flow> {
        if job.concurrent { self.run_together(job) } else { self.run_in_order(job) }
    }

    fn begin(&mut self, exit: &mut Exit, told: Told) {
        if !exit.begun {
            exit.begun = true;
            self.log(format!("exit {}: {told}", exit.name));
        }
    }

    fn run_in_order(&mut self, job: &mut Job) -> Result<(), Flow> {
        while let Some(index) = job.exits.iter().position(|exit| !exit.over) {
            let (exit, told) = (&mut job.exits[index], job.told);
            self.begin(exit, told);
            let mut panicked = None;
            while exit.step.pends > 0 && panicked.is_none() {
                match self.suspend() {
                    Ok(()) => exit.step.pends -= 1,
                    Err(Flow::Panic(fault)) => panicked = Some(Failure { fault, panics: true, told }),
                    Err(flow) => return Err(flow),
                }
            }
            exit.over = true;
            let failure = panicked.or_else(|| self.end_exit(&exit.name, exit.step.end, told));
            self.note(job, failure);
        }
        Ok(())
    }

    /// All are told the same.
    fn run_together(&mut self, job: &mut Job) -> Result<(), Flow> {
        let told = job.told;
        for (index, exit) in job.exits.iter_mut().enumerate().filter(|(_, exit)| !exit.begun) {
            job.queue.push_back(index);
            self.begin(exit, told);
        }
        while let Some(index) = job.queue.front().copied() {
            let exit = &mut job.exits[index];
            let failure = match self.suspend() {
                Ok(()) if exit.step.pends > 1 => {
                    exit.step.pends -= 1;
                    job.queue.rotate_left(1);
                    continue;
                }
                Ok(()) => self.end_exit(&exit.name, exit.step.end, told),
                Err(Flow::Panic(fault)) => Some(Failure { fault, panics: true, told }),
                Err(flow) => return Err(flow),
            };
            exit.over = true;
            job.queue.pop_front();
            self.note(job, failure);
        }
        Ok(())
    }

    /// The first failure counts, a panic more than an error; the others are lost. If the body failed no error counts, so that
    /// all are lost in their order: the last one leaves it to the block.
    fn note(&mut self, job: &mut Job, failure: Option<Failure>) {
        let Some(failure) = failure else { return };
        // Who is cut is told of nothing but that.
        if job.told != Told::Cancelled && !job.concurrent {
            if failure.panics {
                job.told = Told::Panicked;
            } else if job.told.is_success() {
                job.told = Told::Failed;
            }
        }
        let counts = |held: &Failure| {
            if held.panics { job.whole != Told::Panicked } else { job.whole.is_success() }
        };
        let wins = job.failure.as_ref().is_none_or(|held| !counts(held) || (failure.panics && !held.panics));
        let lost = if wins { job.failure.replace(failure) } else { Some(failure) };
        if let Some(lost) = lost {
            self.lost(lost);
        }
    }
}
