//! Knows `async-with` under another name only, and passes its macros on.

pub use cm::{async_with, scoped, with, within};

/// A module without the macros in scope.
pub mod facade {
    pub use cm::*;
}

/// A macro of this crate, whose users need not know `async-with`.
#[macro_export]
macro_rules! guarded {
    ($manager:expr, $($body:tt)*) => {
        $crate::async_with!($manager => { $($body)* })
    };
}

/// A macro of this crate that makes a function, whose users need not know `async-with`.
#[macro_export]
macro_rules! guarded_function {
    ($vis:vis fn $name:ident() -> $type:ty, $manager:expr, $body:block) => {
        #[$crate::within(crate = $crate::facade, $manager)]
        $vis async fn $name() -> $type $body
    };
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use cm::{AsyncContextManager, ContextManager, Outcome};

    struct Number(u32);

    impl AsyncContextManager for Number {
        type Value = u32;
        type Error = Infallible;

        async fn enter(&mut self) -> Result<u32, Infallible> {
            Ok(self.0)
        }

        async fn exit(self, _value: u32, outcome: Outcome) -> Result<(), Infallible> {
            assert!(outcome.is_success());
            Ok(())
        }
    }

    impl ContextManager for Number {
        type Value = u32;
        type Error = Infallible;

        fn enter(&mut self) -> Result<u32, Infallible> {
            Ok(self.0)
        }

        fn exit(self, _value: u32, outcome: Outcome) -> Result<(), Infallible> {
            assert!(outcome.is_success());
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_macros_work_under_another_name() {
        assert_eq!(cm::async_with!(Number(1) as number => { *number + 1 }), 2);
        assert_eq!(cm::with!(Number(1) as number => { *number + 1 }), 2);
    }

    #[tokio::test]
    async fn the_macros_work_through_a_reexport() {
        assert_eq!(crate::async_with!(Number(1) as number => { *number + 1 }), 2);
        assert_eq!(crate::facade::with!(Number(1) as number => { *number + 1 }), 2);
        assert_eq!(crate::guarded!(Number(1), 5), 5);
    }

    #[cm::within(crate = cm, Number(1) as number)]
    async fn by_name() -> u32 {
        *number + 1
    }

    #[crate::within(crate = crate::facade, Number(1) as a)]
    #[crate::facade::within(Number(*a + 1) as b)]
    async fn by_path() -> u32 {
        *a + *b
    }

    #[crate::scoped(crate = crate::facade)]
    async fn by_path_for_the_rest() -> u32 {
        let mut sum = 0;
        for number in 0..3 {
            #[enter]
            let number = Number(number);
            if *number == 1 {
                continue;
            }
            #[enter]
            let more = Number(10);
            sum += *number + *more;
        }
        sum
    }

    crate::guarded_function!(fn by_macro() -> u32, Number(1), { 4 });

    #[tokio::test]
    async fn the_attribute_is_told_where_the_crate_is() {
        assert_eq!(by_name().await, 2);
        assert_eq!(by_path().await, 3);
        assert_eq!(by_macro().await, 4);
        assert_eq!(by_path_for_the_rest().await, 22);
    }

    #[tokio::test]
    async fn nested_blocks_with_jumps_find_the_crate_too() {
        let found = 'outer: loop {
            crate::async_with!(Number(1) as a, Number(*a + 1) as b => {
                cm::async_with!(Number(3) as c => {
                    crate::facade::async_with!(Number(4) as d => { break 'outer *a + *b + *c + *d });
                });
            });
        };
        assert_eq!(found, 10);
    }
}
