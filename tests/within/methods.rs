//! Methods, those of traits, and attributes on either side.

use std::error::Error;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use async_with::{LocalAsyncContextManager, Outcome, within};

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[derive(Default)]
struct Store {
    log: Log,
    items: Vec<u32>,
}

impl Store {
    #[within(self.log.sure("a").value(1) as a)]
    async fn by_reference(&self, index: usize) -> Option<&u32> {
        self.items.get(index + usize::from(*a == 0))
    }

    #[within(self.log.unsure("a").value(7) as a)]
    pub(crate) async fn by_mutable_reference(&mut self) -> Result<&mut u32, Failure> {
        self.items.push(*a);
        self.items.last_mut().ok_or(Failure("empty"))
    }

    #[within(self.log.sure("a"))]
    async fn by_value(self) -> Vec<u32> {
        self.items
    }

    #[within(self.log.sure("a"))]
    async fn by_arc(self: Arc<Self>, mut extra: Vec<u32>) -> Vec<u32> {
        extra.extend(&self.items);
        extra
    }

    #[within(Log::default().sure("a"))]
    async fn new() -> Self {
        Self { items: vec![1], ..Self::default() }
    }
}

#[tokio::test]
async fn the_manager_may_borrow_a_parameter_and_stay_on_its_thread() {
    /// Lends what it borrows.
    struct Borrowed<'a>(Option<&'a mut Vec<u32>>, Rc<Log>);

    impl<'a> LocalAsyncContextManager for Borrowed<'a> {
        type Value = &'a mut Vec<u32>;
        type Error = Failure;

        async fn enter(&mut self) -> Result<Self::Value, Failure> {
            self.0.take().ok_or(Failure("entered twice"))
        }

        async fn exit(self, _value: Self::Value, outcome: Outcome) -> Result<(), Failure> {
            self.1.add(format!("exit: {outcome}"));
            Ok(())
        }
    }

    #[within(Borrowed(Some(list), Rc::new(log.clone())) as numbers)]
    async fn push(list: &mut Vec<u32>, log: &Log, number: u32) -> Result<usize, Failure> {
        tokio::task::yield_now().await;
        numbers.push(number);
        Ok(numbers.len())
    }

    let (log, mut list) = (Log::default(), vec![1]);
    assert_eq!(push(&mut list, &log, 2).await, Ok(2));
    assert_eq!(list, [1, 2]);
    log.expect(&["exit: completed"]);
}

#[tokio::test]
async fn methods_may_use_self_in_the_head_and_in_the_body() {
    let mut store = Store::new().await;
    assert_eq!(store.by_reference(0).await, Some(&1));
    *store.by_mutable_reference().await.unwrap() += 1;
    let log = store.log.clone();
    assert_eq!(store.by_value().await, [1, 8]);
    let store = Arc::new(Store { log: log.clone(), items: vec![2] });
    assert_eq!(store.by_arc(vec![1]).await, [1, 2]);
    log.expect(&["enter a", "exit a: completed"].repeat(4));
}

trait Service {
    fn log(&self) -> &Log;

    async fn serve(&self, name: &str) -> String;

    #[within(self.log().sure("default"))]
    async fn twice(&self, name: &str) -> String {
        let first = self.serve(name).await;
        first + &self.serve(name).await
    }
}

impl Service for Log {
    fn log(&self) -> &Log {
        self
    }

    #[within(self.sure("serve"))]
    async fn serve(&self, name: &str) -> String {
        format!("{name};")
    }
}

#[tokio::test]
async fn methods_of_traits_may_have_it_in_the_trait_and_in_the_impl() {
    let log = Log::default();
    assert_eq!(log.twice("x").await, "x;x;");
    let serve = ["enter serve", "exit serve: completed"];
    log.expect(&[&["enter default"], &serve[..], &serve, &["exit default: completed"]].concat());
}

#[async_trait]
trait Dynamic: Sync {
    fn log(&self) -> &Log;

    async fn run(&mut self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>>;

    #[within(self.log().sure("default"))]
    async fn shape(&self) -> Box<dyn Debug + Send> {
        Box::new(self.log().has("enter default"))
    }
}

#[async_trait]
impl Dynamic for Store {
    fn log(&self) -> &Log {
        &self.log
    }

    #[within(self.log.unsure("a").value(2) as a, self.log.sure("b"))]
    async fn run(&mut self, text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        if text.is_empty() {
            return Ok(0);
        }
        self.items.push(text.parse()?);
        Ok(*a + self.items[0])
    }
}

#[tokio::test]
async fn async_trait_may_have_rewritten_the_function_before() {
    let mut store: Box<dyn Dynamic> = Box::new(Store::default());
    assert_eq!(store.run("5").await.unwrap(), 7);
    store.log().expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
    assert_eq!(store.run("").await.unwrap(), 0);
    store.log().expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    assert!(store.run("five").await.is_err());
    store.log().expect(&["enter a", "enter b", "exit b: failed", "exit a: failed"]);
    assert_eq!(format!("{:?}", store.shape().await), "true");
    store.log().expect(&["enter default", "exit default: completed"]);
}

#[tokio::test]
async fn it_may_stand_below_attributes_that_keep_the_function_and_above_others() {
    #[must_use]
    #[within(Plain)]
    #[inline]
    async fn kept() -> u8 {
        1
    }
    assert_eq!(kept().await, 1);
}

#[within(Fallible)]
#[tokio::test]
async fn a_test_may_be_the_block() -> Result<(), Box<dyn Error>> {
    assert_eq!("1".parse::<u8>()?, 1);
    Ok(())
}
