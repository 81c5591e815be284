//! A closure that is called by an iterator cannot await. A loop can: there each turn enters and exits. So can an `async` closure,
//! whose caller awaits it.

use async_with::scoped;

use crate::managers::Session;

#[scoped]
async fn run(numbers: &[usize]) -> usize {
    let mut sum = 0;
    for number in numbers {
        #[enter]
        let session = Session;
        sum += session.len() + number;
    }
    sum
}

#[scoped]
async fn by_a_closure(number: usize) -> usize {
    let length = async |number| {
        #[enter]
        let session = Session;
        session.len() + number
    };
    length(number).await
}

#[tokio::test]
async fn works() {
    assert_eq!(run(&[1, 2]).await, by_a_closure(1).await + by_a_closure(2).await);
}
