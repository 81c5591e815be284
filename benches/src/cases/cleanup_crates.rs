//! Crates that people use to the same end, each on what it can do.

pub mod scopeguard {
    //! The exit is a destructor: it cannot await.

    use std::future::pending;
    use std::hint::black_box;
    use std::panic::panic_any;

    use scopeguard::guard;

    use crate::cases::{Case, Run};
    use crate::managers::{acquire, release};
    use crate::stage::{once, repeat, repeat_cut, repeat_panicking};

    pub fn block(case: Case) -> Run {
        match case {
            Case::NoOp => |times| repeat(times, no_op),
            Case::Waits => |times| repeat(times, waits),
            Case::Returns => |times| repeat(times, returns),
            Case::Nested | Case::Items => |times| repeat(times, nested),
            Case::Kilobyte => |times| repeat(times, kilobyte),
            Case::Cut => |times| repeat_cut(times, cut),
            Case::Panics => |times| repeat_panicking(times, panics),
        }
    }

    async fn no_op() -> u64 {
        let mut value = guard(acquire(), release);
        *value += 1;
        *value
    }

    async fn waits() -> u64 {
        let value = guard(acquire(), release);
        once().await;
        *value
    }

    async fn returns() -> u64 {
        let value = guard(acquire(), release);
        if *value > 0 {
            return *value;
        }
        0
    }

    async fn nested() -> u64 {
        let a = guard(acquire(), release);
        let b = guard(acquire(), release);
        let c = guard(acquire(), release);
        *a + *b + *c
    }

    async fn kilobyte() -> u64 {
        let value = guard(acquire(), release);
        let mut page = [0_u8; 1024];
        black_box(&mut page);
        once().await;
        black_box(&page);
        *value
    }

    async fn cut() -> u64 {
        let value = guard(acquire(), release);
        black_box(*value);
        pending::<()>().await;
        *value
    }

    async fn panics() -> u64 {
        let value = guard(acquire(), release);
        if black_box(*value) > 0 {
            panic_any("on purpose");
        }
        *value
    }
}

pub mod safe_defer {
    //! Exits are run after the body; not after a panic, and not if the future is dropped. A value that body and exit use is
    //! shared by hand.

    use std::cell::Cell;
    use std::hint::black_box;

    use async_safe_defer::async_scope;

    use crate::cases::{Case, Run};
    use crate::managers::{acquire, release};
    use crate::stage::{once, repeat};

    pub fn block(case: Case) -> Option<Run> {
        Some(match case {
            Case::NoOp => |times| repeat(times, no_op),
            Case::Waits => |times| repeat(times, waits),
            Case::Returns => |times| repeat(times, returns),
            Case::Nested => |times| repeat(times, nested),
            Case::Items => |times| repeat(times, items),
            Case::Kilobyte => |times| repeat(times, kilobyte),
            Case::Cut | Case::Panics => return None,
        })
    }

    async fn no_op() -> u64 {
        let value = Cell::new(acquire());
        async_scope!(scope, {
            scope.defer(|| async { release(value.get()) });
            value.set(value.get() + 1);
            value.get()
        })
        .await
    }

    async fn waits() -> u64 {
        let value = acquire();
        async_scope!(scope, {
            scope.defer(|| async { release(value) });
            once().await;
            value
        })
        .await
    }

    /// The `return` leaves only the body.
    async fn returns() -> u64 {
        let value = acquire();
        let left = async_scope!(scope, {
            scope.defer(|| async { release(value) });
            if value > 0 {
                return Some(value);
            }
            None
        })
        .await;
        if let Some(value) = left {
            return value;
        }
        0
    }

    async fn nested() -> u64 {
        let a = acquire();
        async_scope!(outer, {
            outer.defer(|| async { release(a) });
            let b = acquire();
            async_scope!(middle, {
                middle.defer(|| async { release(b) });
                let c = acquire();
                async_scope!(inner, {
                    inner.defer(|| async { release(c) });
                    a + b + c
                })
                .await
            })
            .await
        })
        .await
    }

    async fn items() -> u64 {
        async_scope!(scope, {
            let a = acquire();
            scope.defer(move || async move { release(a) });
            let b = acquire();
            scope.defer(move || async move { release(b) });
            let c = acquire();
            scope.defer(move || async move { release(c) });
            a + b + c
        })
        .await
    }

    async fn kilobyte() -> u64 {
        let value = acquire();
        async_scope!(scope, {
            scope.defer(|| async { release(value) });
            let mut page = [0_u8; 1024];
            black_box(&mut page);
            once().await;
            black_box(&page);
            value
        })
        .await
    }
}

pub mod cobalt {
    //! The exit is run after the body, and after a panic; not if the future is dropped. A value that body and exit use is shared
    //! by hand.

    use std::cell::Cell;
    use std::convert::Infallible;
    use std::hint::black_box;
    use std::panic::{AssertUnwindSafe, panic_any};

    use cobalt_async::try_finally;

    use crate::cases::{Case, Run};
    use crate::managers::{acquire, release};
    use crate::stage::{once, repeat, repeat_panicking};

    pub fn block(case: Case) -> Option<Run> {
        Some(match case {
            Case::NoOp => |times| repeat(times, no_op),
            Case::Waits => |times| repeat(times, waits),
            Case::Returns => |times| repeat(times, returns),
            Case::Nested | Case::Items => |times| repeat(times, nested),
            Case::Kilobyte => |times| repeat(times, kilobyte),
            Case::Panics => |times| repeat_panicking(times, panics),
            Case::Cut => return None,
        })
    }

    /// A block over the value, which the body may change.
    async fn finally<T>(value: &Cell<u64>, body: impl Future<Output = T>) -> T {
        let body = AssertUnwindSafe(|| async { Ok::<_, Infallible>(body.await) });
        let exit = || async {
            release(value.get());
            Ok(())
        };
        let Ok(result) = try_finally(body, exit).await;
        result
    }

    async fn no_op() -> u64 {
        let value = Cell::new(acquire());
        finally(&value, async {
            value.set(value.get() + 1);
            value.get()
        })
        .await
    }

    async fn waits() -> u64 {
        let value = Cell::new(acquire());
        finally(&value, async {
            once().await;
            value.get()
        })
        .await
    }

    /// The `return` leaves only the body.
    async fn returns() -> u64 {
        let value = Cell::new(acquire());
        let left = finally(&value, async {
            if value.get() > 0 {
                return Some(value.get());
            }
            None
        });
        if let Some(value) = left.await {
            return value;
        }
        0
    }

    async fn nested() -> u64 {
        let a = Cell::new(acquire());
        finally(&a, async {
            let b = Cell::new(acquire());
            finally(&b, async {
                let c = Cell::new(acquire());
                finally(&c, async { a.get() + b.get() + c.get() }).await
            })
            .await
        })
        .await
    }

    async fn kilobyte() -> u64 {
        let value = Cell::new(acquire());
        finally(&value, async {
            let mut page = [0_u8; 1024];
            black_box(&mut page);
            once().await;
            black_box(&page);
            value.get()
        })
        .await
    }

    async fn panics() -> u64 {
        let value = Cell::new(acquire());
        finally(&value, async {
            if black_box(value.get()) > 0 {
                panic_any("on purpose");
            }
            value.get()
        })
        .await
    }
}

pub mod dropper {
    //! The exit is a task that a destructor waits for: a thread is blocked meanwhile.

    use std::future::pending;
    use std::hint::black_box;
    use std::panic::panic_any;
    use std::sync::LazyLock;

    use async_dropper_simple::{AsyncDrop, AsyncDropper};
    use tokio::runtime::{Builder, Runtime};

    use crate::cases::{Case, Run};
    use crate::managers::{acquire, release};
    use crate::stage::{once, repeat, repeat_cut, repeat_panicking};

    #[derive(Default)]
    struct Held(u64);

    #[async_trait::async_trait]
    impl AsyncDrop for Held {
        async fn async_drop(&mut self) {
            release(self.0);
        }
    }

    fn hold() -> AsyncDropper<Held> {
        AsyncDropper::new(Held(acquire()))
    }

    fn on_threads(run: impl FnOnce()) {
        static THREADS: LazyLock<Runtime> =
            LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).build().expect("a runtime"));
        let _entered = THREADS.enter();
        run();
    }

    pub fn block(case: Case) -> Run {
        match case {
            Case::NoOp => |times| on_threads(|| repeat(times, no_op)),
            Case::Waits => |times| on_threads(|| repeat(times, waits)),
            Case::Returns => |times| on_threads(|| repeat(times, returns)),
            Case::Nested | Case::Items => |times| on_threads(|| repeat(times, nested)),
            Case::Kilobyte => |times| on_threads(|| repeat(times, kilobyte)),
            Case::Cut => |times| on_threads(|| repeat_cut(times, cut)),
            Case::Panics => |times| on_threads(|| repeat_panicking(times, panics)),
        }
    }

    async fn no_op() -> u64 {
        let mut value = hold();
        value.0 += 1;
        value.0
    }

    async fn waits() -> u64 {
        let value = hold();
        once().await;
        value.0
    }

    async fn returns() -> u64 {
        let value = hold();
        if value.0 > 0 {
            return value.0;
        }
        0
    }

    async fn nested() -> u64 {
        let a = hold();
        let b = hold();
        let c = hold();
        a.0 + b.0 + c.0
    }

    async fn kilobyte() -> u64 {
        let value = hold();
        let mut page = [0_u8; 1024];
        black_box(&mut page);
        once().await;
        black_box(&page);
        value.0
    }

    async fn cut() -> u64 {
        let value = hold();
        black_box(value.0);
        pending::<()>().await;
        value.0
    }

    async fn panics() -> u64 {
        let value = hold();
        if black_box(value.0) > 0 {
            panic_any("on purpose");
        }
        value.0
    }
}
