//! A value that is confined to its thread.

use std::rc::Rc;

use async_with::context;

fn manager() -> impl async_with::AsyncContextManager {
    context(|body| async move {
        let (_value, done) = body.run(Rc::new(1)).await;
        Ok::<_, std::io::Error>(done)
    })
}

fn main() {}
