//! Leaves blocks where neither a runtime nor a thread can run a detached exit: on WebAssembly, or as the test starts it.

use std::future::pending;

use async_with::{async_with, set_lost_error_hook, settle};
use platform::{Told, poll, run};

async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    Ok(async_with!(Told => { text.parse::<u32>()? }))
}

fn main() {
    set_lost_error_hook(|lost| println!("lost {} {:?}", lost.outcome(), lost.error()));
    assert!(run(parse("5")).is_ok());
    assert!(run(parse("five")).is_err());
    for cut in ["one", "another"] {
        println!("{cut} is cut");
        let nest = async { async_with!(Told, Told => { pending::<()>().await }) };
        assert!(poll(nest).is_pending());
    }
    run(settle());
    println!("settled");
}
