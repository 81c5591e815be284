//! The value itself can be changed without `mut`, since the name is a `&mut` to it: `*session = …`, `session.push('!')`.
//! Only to let the name stand for another value, it has to be `mut`.

use async_with::async_with;

use crate::managers::Session;

async fn run(other: &mut String) {
    async_with!(Session as mut session => {
        println!("{session}");
        session = other;
        println!("{session}");
    });
}

#[tokio::test]
async fn works() {
    run(&mut String::from("other")).await;
}
