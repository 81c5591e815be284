//! Enters: one after the other or together, and what becomes of those before one that fails.

use std::collections::VecDeque;

use super::exits::{Exit, Job};
use super::{Ended, Flow, Model, Told};
use crate::program::{Kind, Plan};

impl Model {
    fn enter_one(&mut self, plan: &Plan, kind: Kind) -> Result<Exit, Flow> {
        self.log(format!("enter {}", plan.name));
        self.wait(if kind == Kind::Sync { 0 } else { plan.enter.pends })?;
        self.end(&plan.name, "enter", plan.enter.end)?;
        self.log(format!("entered {}", plan.name));
        Ok(Exit::of(plan))
    }

    pub(super) fn fill_stack(&mut self, plans: &[Plan]) -> Result<(), Flow> {
        for plan in plans {
            self.end(&plan.name, "made", plan.made)?;
            let exit = self.enter_one(plan, Kind::Plain)?;
            let due = self.due(plan);
            let stack = self.scopes.last_mut().expect("the stack is around its body");
            stack.exits.insert(0, exit);
            stack.due.extend(due);
        }
        Ok(())
    }

    /// One after the other; their exits, the last one first.
    pub(super) fn enter(&mut self, plans: &[Plan], kind: Kind) -> Result<Vec<Exit>, Ended> {
        let mut exits = Vec::new();
        for plan in plans {
            match self.enter_one(plan, kind) {
                Ok(exit) => exits.insert(0, exit),
                Err(flow) => return Err(self.not_entered(exits, false, flow)),
            }
        }
        Ok(exits)
    }

    /// Each goes on when it is released, and waits in the queue again.
    pub(super) fn enter_together(&mut self, plans: &[Plan]) -> Result<Vec<Exit>, Ended> {
        for plan in plans {
            self.log(format!("enter {}", plan.name));
        }
        let mut waits: Vec<_> = plans.iter().map(|plan| plan.enter.pends).collect();
        let mut queue: VecDeque<_> = (0..plans.len()).collect();
        while let Some(index) = queue.pop_front() {
            let plan = &plans[index];
            let mut released = self.suspend();
            waits[index] -= 1;
            if released.is_ok() && waits[index] == 0 {
                released = self.end(&plan.name, "enter", plan.enter.end);
                if released.is_ok() {
                    self.log(format!("entered {}", plan.name));
                }
            } else {
                queue.push_back(index);
            }
            if let Err(flow) = released {
                let entered = |index: &usize| waits[*index] == 0 && !queue.contains(index);
                let failed = index;
                let exits = (0..plans.len()).filter(entered).filter(|index| *index != failed);
                return Err(self.not_entered(
                    exits.map(|index| Exit::of(&plans[index])).collect(),
                    true,
                    flow,
                ));
            }
        }
        Ok(plans.iter().map(Exit::of).collect())
    }

    /// Exits what has been entered of an item that has not been entered as a whole.
    fn not_entered(&mut self, exits: Vec<Exit>, concurrent: bool, flow: Flow) -> Ended {
        let told = Ended::Flow(flow.clone()).told();
        let mut job = Job::new(exits, concurrent, told);
        if told == Told::Cancelled {
            self.jobs.extend(Some(job).filter(|job| !job.exits.is_empty()));
            return Ended::Flow(flow);
        }
        if let Err(cut) = self.run(&mut job) {
            self.jobs.push(job);
            return Ended::Flow(cut);
        }
        match job.failure {
            Some(failure) if failure.panics && told != Told::Panicked => {
                return Ended::Flow(Flow::Panic(failure.fault));
            }
            Some(failure) => self.lost(failure),
            None => {}
        }
        match flow {
            Flow::Return(Err(fault)) => Ended::error(fault),
            flow => Ended::Flow(flow),
        }
    }
}
