use expect_test::expect;

use super::check;
use crate::parse::Flavour;

#[test]
fn mistakes() {
    check(
        Flavour::Async,
        "a as x, b as => { f(x) }",
        &expect![[r#"
        fn expansion() {
            {
                let __async_with_mistake = ::core::compile_error!(
                    "a name is missing after `as`: write `as name`, or leave `as` out"
                );
                let _ = a;
                let _ = b;
                #[cfg(any())]
                {
                    let _ = { f(x) };
                }
                __async_with_mistake
            }
        }
    "#]],
    );
    check(
        Flavour::Async,
        "a as x => { f(x) } else",
        &expect![[r#"
        fn expansion() {
            {
                let __async_with_mistake = ::core::compile_error!(
                    "unexpected token after the body: the body is the last thing in the macro"
                );
                let _ = a;
                let x = __async_with_mistake;
                let _ = { f(x) };
                __async_with_mistake
            }
        }
    "#]],
    );
    check(
        Flavour::Async,
        "",
        &expect![[r#"
        fn expansion() {
            {
                let __async_with_mistake = ::core::compile_error!(
                    "a context manager and a body are missing: write `async_with!(manager as name => { … })`"
                );
                __async_with_mistake
            }
        }
    "#]],
    );
}
