//! An enter whose future is confined to its thread.

use std::rc::Rc;

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(
        || async {
            let shared = Rc::new(1);
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(*shared)
        },
        |_value, _outcome| async {},
    )
}

fn main() {}
