use expect_test::expect;

use super::check_attribute;

#[test]
fn function() {
    check_attribute(
        "first(self) as x, second",
        "/// Documented.\n pub(crate) async fn method<'a, T>(&'a self, (a, b): T) -> &'a str where T: Copy { #![allow(unused)] f(x) }",
        &expect![[r#"
            /// Documented.
            pub(crate) async fn method<'a, T>(&'a self, (a, b): T) -> &'a str
            where
                T: Copy,
            {
                #![allow(unused)]
                let __async_with_returns = Hint::new();
                if false {
                    return __async_with_returns.never();
                }
                {
                    let __async_with_manager = first(self);
                    let __async_with_probe = probe(&__async_with_manager);
                    let mut __async_with_scope = {
                        #[allow(unused_imports)]
                        use kind::*;
                        (&&&__async_with_probe).kind()
                    }
                        .scope_in_function(__async_with_manager)
                        .here();
                    let __async_with_policy = {
                        #[allow(unused_imports)]
                        use policy::*;
                        (&&__async_with_probe).policy()
                    };
                    let __async_with_errors = __async_with_scope.errors();
                    match {
                        let lift = {
                            #[allow(unused_imports)]
                            use fallible::*;
                            __async_with_errors.lift_out(&__async_with_returns)
                        };
                        match __async_with_scope.enter().await {
                            Ok(()) => {
                                let mut __async_with_out = __async_with_returns.slot();
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
                                                        if false {
                                                            __async_with_returns.never()
                                                        } else {
                                                            let __async_with_manager_1 = second;
                                                            let __async_with_probe_1 = probe(&__async_with_manager_1);
                                                            let mut __async_with_scope_1 = {
                                                                #[allow(unused_imports)]
                                                                use kind::*;
                                                                (&&&__async_with_probe_1).kind()
                                                            }
                                                                .scope_in_function(__async_with_manager_1)
                                                                .here();
                                                            let __async_with_policy_1 = {
                                                                #[allow(unused_imports)]
                                                                use policy::*;
                                                                (&&__async_with_probe_1).policy()
                                                            };
                                                            let __async_with_errors_1 = __async_with_scope_1.errors();
                                                            match {
                                                                let lift = {
                                                                    #[allow(unused_imports)]
                                                                    use fallible::*;
                                                                    __async_with_errors_1.lift_out(&__async_with_returns)
                                                                };
                                                                match __async_with_scope_1.enter().await {
                                                                    Ok(()) => {
                                                                        let mut __async_with_out_1 = __async_with_returns.slot();
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
                                                                                                if false { __async_with_returns.never() } else { f(x) },
                                                                                            ),
                                                                                        );
                                                                                        match complete().await {}
                                                                                    }),
                                                                                );
                                                                                driver.run(body).await
                                                                            };
                                                                            __async_with_scope_1.body_ended();
                                                                            let told = {
                                                                                #[allow(unused_imports)]
                                                                                use observe::*;
                                                                                (&&&&&&(&&__async_with_probe_1)
                                                                                    .observer()
                                                                                    .look_at_both(&stop, __async_with_out_1.as_ref()))
                                                                                    .tell(&mut __async_with_scope_1)
                                                                            };
                                                                            let stop = stop.observed(told);
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
                                                                                ending.conclude(__async_with_out_1, exited, lift)
                                                                            }
                                                                        }
                                                                    }
                                                                    entered => Flow::Value(Product::not_entered(entered, lift)),
                                                                }
                                                            } {
                                                                Flow::Value(product) => {
                                                                    match __async_with_policy_1.value(product) {
                                                                        Ok(value) | Err(value) => value,
                                                                    }
                                                                }
                                                                Flow::Return(value) => return value,
                                                                Flow::Jump(_) => unreachable!(),
                                                            }
                                                        },
                                                    ),
                                                );
                                                match complete().await {}
                                            }),
                                        );
                                        driver.run(body).await
                                    };
                                    __async_with_scope.body_ended();
                                    let told = {
                                        #[allow(unused_imports)]
                                        use observe::*;
                                        (&&&&&&(&&__async_with_probe)
                                            .observer()
                                            .look_at_both(&stop, __async_with_out.as_ref()))
                                            .tell(&mut __async_with_scope)
                                    };
                                    let stop = stop.observed(told);
                                    Ending::new(
                                        &__async_with_policy,
                                        &mut __async_with_scope,
                                        stop,
                                        &mut __async_with_out,
                                    )
                                } {
                                    ending => {
                                        let exited = __async_with_scope.exit(ending.outcome()).await;
                                        ending.conclude(__async_with_out, exited, lift)
                                    }
                                }
                            }
                            entered => Flow::Value(Product::not_entered(entered, lift)),
                        }
                    } {
                        Flow::Value(product) => {
                            match __async_with_policy.value(product) {
                                Ok(value) | Err(value) => value,
                            }
                        }
                        Flow::Return(value) => return value,
                        Flow::Jump(_) => unreachable!(),
                    }
                }
            }
        "#]],
    );
}

#[test]
fn mistakes_with_the_attribute() {
    check_attribute(
        "m as x, n as",
        "async fn f() -> u8 { g(x) }",
        &expect![[r#"
        async fn f() -> u8 {
            let __async_with_mistake = ::core::compile_error!(
                "a name is missing after `as`: write `as name`, or leave `as` out"
            );
            let _ = m;
            let _ = n;
            #[cfg(any())] { { g(x) } }
            __async_with_mistake
        }
    "#]],
    );
    check_attribute(
        "m as x",
        "#[inline] fn f() -> u8 { g(x) }",
        &expect![[r##"
        #[inline]
        fn f() -> u8 {
            let __async_with_mistake = ::core::compile_error!(
                "`within` awaits: make this an `async fn`; for managers that need no awaiting there is `with!`"
            );
            let _ = m;
            let x = __async_with_mistake;
            { g(x) }
        }
    "##]],
    );
    check_attribute(
        "m as x",
        "#[derive(Debug)] struct S { x: u8 }",
        &expect![[r#"
        ::core::compile_error! {
            "`within` is for an `async fn`, whose body becomes the block, not for this `struct`"
        }
        #[derive(Debug)]
        struct S {
            x: u8,
        }
    "#]],
    );
}
