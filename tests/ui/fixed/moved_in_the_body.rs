//! To rustc the body is one piece, which either moves `name` or does not. So let the body say what to do, and do it after
//! the block; or clone, as rustc proposes.

use async_with::async_with;

use crate::managers::Session;

async fn run(name: String) {
    let empty = async_with!(Session as session => { session.is_empty() });
    if empty {
        drop(name);
        return;
    }
    println!("{name}");
}

#[tokio::test]
async fn works() {
    run(String::from("name")).await;
}
