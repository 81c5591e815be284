//! The methods of the protocol without the trait.

use async_with::{Outcome, async_with};

struct Example {
    enter: u32,
    exit: fn(),
}

impl Example {
    async fn enter(&mut self) -> std::io::Result<u32> {
        (self.exit)();
        Ok(self.enter)
    }

    async fn exit(self, _value: u32, _outcome: Outcome) -> std::io::Result<()> {
        Ok(())
    }
}

async fn run() {
    async_with!(Example { enter: 1, exit: || () } as example => {
        println!("{example}");
    });
}

fn main() {}
