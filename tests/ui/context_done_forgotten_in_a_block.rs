//! A context that does not return the `Done` of its body, made where it is entered.

use async_with::{async_with, context};

async fn run() -> std::io::Result<()> {
    async_with!(context(|body| async move {
        body.run(1).await;
        Ok(())
    }) as number => println!("{number}"))
}

fn main() {}
