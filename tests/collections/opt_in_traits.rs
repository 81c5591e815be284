//! Parts that observe or suppress.

use std::convert::Infallible;
use std::error::Error;

use async_with::{AsyncContextManager, ObserveError, Outcome, async_with};

use crate::common::log::{Failure, Log, Suppressor};

/// Writes what it observes.
struct Observer(&'static str, Log);

impl AsyncContextManager for Observer {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.1.add(format!("exit {}: {outcome}", self.0));
        Ok(())
    }
}

impl ObserveError for Observer {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        self.1.add(format!("{} saw {error}", self.0));
    }
}

#[tokio::test]
async fn observe_asks_each_part_from_the_inside_out() {
    async fn option(manager: Option<Observer>) -> Result<(), Failure> {
        async_with!(manager => { Err(Failure("it"))?; });
        Ok(())
    }

    async fn list(manager: Vec<Observer>) -> Result<(), Failure> {
        async_with!(manager => { Err(Failure("it"))?; });
        Ok(())
    }

    async fn array(manager: [Option<Observer>; 2]) -> Result<(), Failure> {
        async_with!(manager => { Err(Failure("it"))?; });
        Ok(())
    }

    let log = Log::default();
    let observer = |name| Observer(name, log.clone());
    option(Some(observer("a"))).await.unwrap_err();
    log.expect(&["a saw it", "exit a: failed"]);
    option(None).await.unwrap_err();
    log.expect(&[]);
    list(vec![observer("a"), observer("b")]).await.unwrap_err();
    log.expect(&["b saw it", "a saw it", "exit b: failed", "exit a: failed"]);
    array([Some(observer("a")), None]).await.unwrap_err();
    log.expect(&["a saw it", "exit a: failed"]);
}

#[tokio::test]
async fn suppress_is_asked_through_some_and_not_through_none() {
    async fn run(manager: Option<Suppressor<Infallible>>) -> Result<&'static str, Failure> {
        let value: Option<()> = async_with!(manager => { Err(Failure("it"))?; });
        assert_eq!(value, None);
        Ok("went on")
    }

    let log = Log::default();
    assert_eq!(run(Some(Suppressor(log.sure("a"), true))).await, Ok("went on"));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
    assert_eq!(run(Some(Suppressor(log.sure("a"), false))).await, Err(Failure("it")));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
    assert_eq!(run(None).await, Err(Failure("it")));
    log.expect(&[]);
}
