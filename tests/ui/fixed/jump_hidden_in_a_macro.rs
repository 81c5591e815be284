//! `break` and `continue` leave a block if it sees them: in its body, in nested blocks, in `select!`. What another macro
//! hides, it does not see. Let that macro say whether to leave, and leave yourself. `return` and `?` may be hidden.

use async_with::async_with;

use crate::managers::Session;

macro_rules! enough {
    () => {
        true
    };
}

async fn run() {
    loop {
        async_with!(Session => {
            if enough!() {
                break;
            }
        });
    }
}

#[tokio::test]
async fn works() {
    run().await;
}
