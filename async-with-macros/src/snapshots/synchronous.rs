use expect_test::expect;

use super::check;
use crate::parse::Flavour;

#[test]
fn synchronous() {
    check(
        Flavour::Sync,
        "m as x, { f(x) }",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    let _: &Hint<Infallible> = &__async_with_returns;
                    let __async_with_manager = m;
                    let __async_with_probe = probe(&__async_with_manager);
                    let mut __async_with_scope = {
                        #[allow(unused_imports)]
                        use sync_kind::*;
                        (&&&__async_with_probe).kind()
                    }
                        .sync_scope(__async_with_manager);
                    let __async_with_policy = Passes;
                    let __async_with_errors = __async_with_scope.errors();
                    let __async_with_value = Hint::new();
                    if false {
                        {
                            #[allow(unused_imports)]
                            use fallible::*;
                            __async_with_errors.give(edge(__async_with_policy, &__async_with_value))
                        }
                    } else {
                        match {
                            let lift = identity;
                            match __async_with_scope.enter() {
                                Ok(()) => {
                                    let mut __async_with_out = __async_with_errors
                                        .slot(&__async_with_value);
                                    match {
                                        let stop = {
                                            let (value, driver) = __async_with_scope.open();
                                            let body = pin(
                                                Some(async {
                                                    if false {
                                                        return __async_with_returns.never();
                                                    }
                                                    let x = identity(value);
                                                    __async_with_out = Some(
                                                        Product::of_body(
                                                            if false { __async_with_value.never() } else { f(x) },
                                                        ),
                                                    );
                                                    match complete().await {}
                                                }),
                                            );
                                            driver.run_now(body)
                                        };
                                        __async_with_scope.body_ended();
                                        Ending::new(
                                            &__async_with_policy,
                                            &mut __async_with_scope,
                                            stop,
                                            &mut __async_with_out,
                                        )
                                    } {
                                        ending => {
                                            let exited = __async_with_scope.exit(ending.outcome());
                                            ending.conclude(__async_with_out, exited, lift)
                                        }
                                    }
                                }
                                entered => Flow::Value(Product::not_entered(entered, lift)),
                            }
                        } {
                            Flow::Value(product) => {
                                #[allow(unused_imports)]
                                use fallible::*;
                                {
                                    let errors = product.errors();
                                    errors.give(product)
                                }
                            }
                            Flow::Return(value) => match value {}
                            Flow::Jump(_) => unreachable!(),
                        }
                    }
                }
            }
        "#]],
    );
    check(
        Flavour::Sync,
        "m => async { f().await }",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    let _: &Hint<Infallible> = &__async_with_returns;
                    let __async_with_manager = m;
                    let __async_with_probe = probe(&__async_with_manager);
                    let mut __async_with_scope = {
                        #[allow(unused_imports)]
                        use sync_kind::*;
                        (&&&__async_with_probe).kind()
                    }
                        .sync_scope(__async_with_manager);
                    let __async_with_policy = Passes;
                    let __async_with_errors = __async_with_scope.errors();
                    let __async_with_value = Hint::new();
                    if false {
                        {
                            #[allow(unused_imports)]
                            use fallible::*;
                            __async_with_errors.give(edge(__async_with_policy, &__async_with_value))
                        }
                    } else {
                        match {
                            let lift = identity;
                            match __async_with_scope.enter() {
                                Ok(()) => {
                                    let mut __async_with_out = __async_with_errors
                                        .slot(&__async_with_value);
                                    match {
                                        let stop = {
                                            let (value, driver) = __async_with_scope.open();
                                            let body = pin(
                                                Some(async {
                                                    if false {
                                                        return __async_with_returns.never();
                                                    }
                                                    let _ = identity(value);
                                                    __async_with_out = Some(
                                                        Product::of_body(
                                                            if false { __async_with_value.never() } else { f().await },
                                                        ),
                                                    );
                                                    match complete().await {}
                                                }),
                                            );
                                            driver.run(body).await
                                        };
                                        __async_with_scope.body_ended();
                                        Ending::new(
                                            &__async_with_policy,
                                            &mut __async_with_scope,
                                            stop,
                                            &mut __async_with_out,
                                        )
                                    } {
                                        ending => {
                                            let exited = __async_with_scope
                                                .exit_after_nested(ending.outcome())
                                                .await;
                                            ending.conclude(__async_with_out, exited, lift)
                                        }
                                    }
                                }
                                entered => Flow::Value(Product::not_entered(entered, lift)),
                            }
                        } {
                            Flow::Value(product) => {
                                #[allow(unused_imports)]
                                use fallible::*;
                                {
                                    let errors = product.errors();
                                    errors.give(product)
                                }
                            }
                            Flow::Return(value) => match value {}
                            Flow::Jump(_) => unreachable!(),
                        }
                    }
                }
            }
        "#]],
    );
}
