use expect_test::expect;

use super::check;
use crate::parse::Flavour;

#[test]
fn two_managers() {
    check(
        Flavour::Async,
        "a as (x, y), b(x) => y",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    let _: &Hint<Infallible> = &__async_with_returns;
                    let __async_with_manager = a;
                    let __async_with_probe = probe(&__async_with_manager);
                    let mut __async_with_scope = {
                        #[allow(unused_imports)]
                        use kind::*;
                        (&&&__async_with_probe).kind()
                    }
                        .scope(__async_with_manager);
                    let __async_with_policy = {
                        #[allow(unused_imports)]
                        use policy::*;
                        (&&__async_with_probe).policy()
                    };
                    let __async_with_errors = __async_with_scope.errors();
                    let __async_with_block_errors = __async_with_scope.errors();
                    let __async_with_value = Hint::new();
                    if false {
                        {
                            #[allow(unused_imports)]
                            use fallible::*;
                            __async_with_errors.early(edge(__async_with_policy, &__async_with_value))
                        }
                    } else {
                        match {
                            let lift = {
                                #[allow(unused_imports)]
                                use fallible::*;
                                __async_with_errors.lift(&__async_with_block_errors)
                            };
                            match __async_with_scope.enter().await {
                                Ok(()) => {
                                    let mut __async_with_out = __async_with_value.slot();
                                    match {
                                        let stop = {
                                            let (value, driver) = __async_with_scope.open();
                                            let body = pin(
                                                Some(async {
                                                    if false {
                                                        return __async_with_returns.never();
                                                    }
                                                    let (x, y) = identity(value);
                                                    let __async_with_manager_1 = b(x);
                                                    let __async_with_probe_1 = probe(&__async_with_manager_1);
                                                    let mut __async_with_scope_1 = {
                                                        #[allow(unused_imports)]
                                                        use kind::*;
                                                        (&&&__async_with_probe_1).kind()
                                                    }
                                                        .scope(__async_with_manager_1);
                                                    let __async_with_policy_1 = {
                                                        #[allow(unused_imports)]
                                                        use policy::*;
                                                        (&&__async_with_probe_1).policy()
                                                    };
                                                    let __async_with_errors_1 = __async_with_scope_1.errors();
                                                    let __async_with_block_errors_1 = {
                                                        #[allow(unused_imports)]
                                                        use fallible::*;
                                                        __async_with_block_errors.then(&__async_with_errors_1)
                                                    };
                                                    let __async_with_value_1 = Hint::new();
                                                    if false {
                                                        __async_with_out = Some(
                                                            edge(__async_with_policy_1, &__async_with_value_1),
                                                        );
                                                    }
                                                    match {
                                                        let lift = {
                                                            #[allow(unused_imports)]
                                                            use fallible::*;
                                                            __async_with_errors_1.lift(&__async_with_block_errors_1)
                                                        };
                                                        match __async_with_scope_1.enter().await {
                                                            Ok(()) => {
                                                                let mut __async_with_out_1 = __async_with_block_errors_1
                                                                    .slot(&__async_with_value_1);
                                                                match {
                                                                    let stop = {
                                                                        let (value, driver) = __async_with_scope_1.open();
                                                                        let body = pin(
                                                                            Some(async {
                                                                                if false {
                                                                                    return __async_with_returns.never();
                                                                                }
                                                                                let _ = identity(value);
                                                                                __async_with_out_1 = Some(
                                                                                    Product::of_body(
                                                                                        if false { __async_with_value_1.never() } else { (y) },
                                                                                    ),
                                                                                );
                                                                                match complete().await {}
                                                                            }),
                                                                        );
                                                                        driver.run(body).await
                                                                    };
                                                                    __async_with_scope_1.body_ended();
                                                                    Ending::new(
                                                                        &__async_with_policy_1,
                                                                        &mut __async_with_scope_1,
                                                                        stop,
                                                                        &mut __async_with_out_1,
                                                                    )
                                                                } {
                                                                    ending => {
                                                                        let exited = __async_with_scope_1
                                                                            .exit(ending.outcome())
                                                                            .await;
                                                                        ending.conclude_inside(__async_with_out_1, exited, lift)
                                                                    }
                                                                }
                                                            }
                                                            entered => Flow::Value(Product::not_entered(entered, lift)),
                                                        }
                                                    } {
                                                        Flow::Value(product) => {
                                                            __async_with_out = Some(product);
                                                            match complete().await {}
                                                        }
                                                        Flow::Return(value) => match value {}
                                                        Flow::Jump(jump) => match jump(jump).await {}
                                                    }
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
                                                .exit(ending.outcome())
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
