use expect_test::expect;

use super::check;
use crate::parse::Flavour;

#[test]
fn one_manager() {
    check(
        Flavour::Async,
        "manager() as name => { use_it(name) }",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    let _: &Hint<Infallible> = &__async_with_returns;
                    let __async_with_manager = manager();
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
                            match __async_with_scope.enter().await {
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
                                                    let name = identity(value);
                                                    __async_with_out = Some(
                                                        Product::of_body(
                                                            if false {
                                                                __async_with_value.never()
                                                            } else {
                                                                use_it(name)
                                                            },
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

#[test]
fn jumps_and_errors() {
    check(
        Flavour::Async,
        "m as x => { if a { break } if b { continue 'outer } loop { break } break 'outer g(x)?; }",
        &expect![[r#"
            fn expansion() {
                {
                    let __async_with_returns = Hint::new();
                    if false {
                        return __async_with_returns.never();
                    }
                    let mut __async_with_way = None;
                    let __async_with_manager = m;
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
                            match __async_with_scope.enter().await {
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
                                                            if false {
                                                                __async_with_value.never()
                                                            } else {
                                                                if a {
                                                                    { match jump(Jump::Break(0)).await {} }
                                                                }
                                                                if b {
                                                                    { match jump(Jump::Continue(1)).await {} }
                                                                }
                                                                loop {
                                                                    break;
                                                                }
                                                                {
                                                                    __async_with_way = Some(g(x)?);
                                                                    match jump(Jump::Break(2)).await {}
                                                                };
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
                                #[allow(unused_imports)]
                                use fallible::*;
                                {
                                    let errors = product.errors();
                                    errors.give(product)
                                }
                            }
                            Flow::Return(value) => return value,
                            Flow::Jump(Jump::Break(0)) => break,
                            #[allow(clippy::needless_continue)]
                            Flow::Jump(Jump::Continue(1)) => continue 'outer,
                            Flow::Jump(Jump::Break(2)) => {
                                match __async_with_way {
                                    Some(value) => break 'outer value,
                                    None => unreachable!(),
                                }
                            }
                            Flow::Jump(_) => unreachable!(),
                        }
                    }
                }
            }
        "#]],
    );
}

/// Rustc says what is wrong with them (E0267).
#[test]
fn jumps_out_of_async_blocks_and_closures_are_left_alone() {
    for body in ["async { break }", "|| { continue }", "const { break }"] {
        let input = format!("(::async_with) manager() => {{ {body} }}").parse().unwrap();
        let output = crate::expand::invocation(Flavour::Async, input).to_string().replace(' ', "");
        assert!(output.contains(&body.replace(' ', "")), "{output}");
    }
}
