//! An exit whose future gives something.

use async_with::{async_with, from_fn};

async fn run() -> Result<(), std::io::Error> {
    let counter = from_fn(|| async { Ok::<_, std::io::Error>(1) }, |value, _outcome| async move { value + 1 });
    async_with!(counter => {})
}

fn main() {}
