use expect_test::expect;

use super::{check_rest, check_scoped};

#[test]
fn the_rest_of_a_block() {
    check_scoped(
        "async fn f() -> u8 { a(); #[enter] let x = m(); b(x); #[allow(y)] #[enter] let (y, _) = n; c(y) }",
        &expect![[r#"
            async fn f() -> u8 {
                {
                    a();
                    {
                        rest_impl!(
                            (::async_with) function() (x) (m()) { b(x); { rest_impl!((::async_with)
                            function(#[allow(y)]) ((y, _)) (n) { c(y) }) } }
                        )
                    }
                }
            }
        "#]],
    );
    check_scoped(
        "async fn f() { for i in j { #[enter] let x: &mut X = m(i); if g(x) { continue } } }",
        &expect![[r#"
            async fn f() {
                {
                    for i in j {
                        {
                            rest_impl!(
                                (::async_with) block() (x : & mut X) (m(i)) { if g(x) { continue } }
                            )
                        }
                    }
                }
            }
        "#]],
    );
    check_rest(
        "function",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    if false {
                        return __async_with_returns.never();
                    }
                    {
                        let __async_with_manager = manager();
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
                                                    #[allow(unused)]
                                                    let name = identity(value);
                                                    __async_with_out = Some(
                                                        Product::of_body(
                                                            if false {
                                                                __async_with_returns.never()
                                                            } else {
                                                                use_it(name);
                                                                value
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
                                match __async_with_policy.value(product) {
                                    Ok(value) | Err(value) => value,
                                }
                            }
                            Flow::Return(value) => return value,
                            Flow::Jump(_) => unreachable!(),
                        }
                    }
                }
            }
        "#]],
    );
    check_rest(
        "block",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    if false {
                        return __async_with_returns.never();
                    }
                    let __async_with_manager = manager();
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
                    let __async_with_value = Hint::new();
                    if false {
                        __async_with_value.never()
                    } else {
                        match {
                            let lift = {
                                #[allow(unused_imports)]
                                use fallible::*;
                                __async_with_errors.lift_out(&__async_with_returns)
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
                                                    #[allow(unused)]
                                                    let name = identity(value);
                                                    __async_with_out = Some(
                                                        Product::of_body(
                                                            if false {
                                                                __async_with_value.never()
                                                            } else {
                                                                use_it(name);
                                                                value
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
                                            (&&&&&&(&&__async_with_probe).observer().look(&stop))
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
                                match __async_with_policy.value(product) {
                                    Ok(value) => value,
                                    Err(failed) => return failed,
                                }
                            }
                            Flow::Return(value) => return value,
                            Flow::Jump(_) => unreachable!(),
                        }
                    }
                }
            }
        "#]],
    );
}

#[test]
fn mistakes_with_the_rest_of_a_block() {
    check_scoped(
        "async fn f() { #[enter] let x; #[enter] let 1 = m else { return }; g(x) }",
        &expect![[r#"
            async fn f() {
                {
                    let x = ::core::compile_error!(
                        "a context manager is missing: write `#[enter] let name = manager;`"
                    );
                    let _ = m;
                    let 1 = ::core::compile_error!(
                        "an `#[enter] let` has no `else`: enter it by a name, and match that in a `let … else` of its own"
                    ) else { return };
                    g(x)
                }
            }
        "#]],
    );
    check_scoped(
        "fn f() { #[enter] let x = m; g(x) }",
        &expect![[r#"
        fn f() {
            let __async_with_mistake = ::core::compile_error!(
                "`scoped` awaits: make this an `async fn`; for managers that need no awaiting there is `with!`"
            );
            {
                let _ = m;
                let x = __async_with_mistake;
                g(x)
            }
        }
    "#]],
    );
    check_scoped(
        "async fn f() { a(|| { #[enter] let x = m; g(x) }) }",
        &expect![[r#"
        async fn f() {
            {
                a(|| {
                    let x = {
                        let _ = m;
                        ::core::compile_error!(
                            "`#[enter]` awaits, which this closure cannot: make it an `async` closure, or enter before it"
                        )
                    };
                    g(x)
                })
            }
        }
    "#]],
    );
}
