//! What the macros expand to. Refresh with `UPDATE_EXPECT=1 cargo test -p async-with-macros`, then read the diff.
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![allow(clippy::too_many_lines, reason = "the expansions are long")]

use expect_test::{Expect, expect};
use proc_macro2::{Group, TokenStream, TokenTree};

use crate::parse::Flavour;
use crate::tokens::{is_ident, is_punct};
use crate::{expand, scoped, within};

#[track_caller]
fn check(flavour: Flavour, input: &str, expected: &Expect) {
    let input: TokenStream = format!("(::async_with) {input}").parse().unwrap();
    let output = shortened(expand::invocation(flavour, input));
    let file = syn::parse2(quote::quote!(fn expansion() { #output })).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[track_caller]
fn check_attribute(head: &str, item: &str, expected: &Expect) {
    let output = shortened(within::attribute(head.parse().unwrap(), item.parse().unwrap()));
    expected.assert_eq(&prettyplease::unparse(&syn::parse2(output).unwrap()));
}

#[track_caller]
fn check_scoped(item: &str, expected: &Expect) {
    let output = shortened(scoped::attribute(TokenStream::new(), item.parse().unwrap()));
    expected.assert_eq(&prettyplease::unparse(&syn::parse2(output).unwrap()));
}

#[track_caller]
fn check_rest(place: &str, expected: &Expect) {
    let input =
        format!("(::async_with) {place} (#[allow(unused)]) (name) (manager()) {{ use_it(name); value }}");
    let output = shortened(scoped::rest(input.parse().unwrap()));
    let file = syn::parse2(quote::quote!(fn expansion() { #output })).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// For reading: without the path in front of our names, and with `pin!` as a function, whose argument is then formatted.
fn shortened(tokens: TokenStream) -> TokenStream {
    let mut output: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        let pin = output.last().is_some_and(|last| is_ident(last, "pin"));
        match tree {
            TokenTree::Group(group) => {
                output.push(Group::new(group.delimiter(), shortened(group.stream())).into());
            }
            bang if pin && is_punct(&bang, '!') => {}
            tree => output.push(tree),
        }
        if let [.., a, b, _name, c, d, private, e, f] = &*output {
            let colons = [a, b, c, d, e, f].iter().all(|tree| is_punct(tree, ':'));
            if colons && is_ident(private, "__private") {
                output.truncate(output.len() - 8);
            }
        }
    }
    output.into_iter().collect()
}

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
        let output = expand::invocation(Flavour::Async, input).to_string().replace(' ', "");
        assert!(output.contains(&body.replace(' ', "")), "{output}");
    }
}

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

#[test]
fn a_body_that_does_not_parse_is_kept() {
    for head in ["m as x", "m as x as", ""] {
        let output = within::attribute(head.parse().unwrap(), "async fn f() { let y = x. }".parse().unwrap());
        assert!(output.to_string().contains("let y = x ."), "{output}");
    }
    let scoped = "async fn f() { #[enter] let x = m. ; let y = x. }".parse().unwrap();
    let output = scoped::attribute(TokenStream::new(), scoped).to_string();
    let missing = "something_is_missing_here";
    assert!(output.contains(&format!("(x) (m . {missing}) {{ let y = x . {missing} }}")), "{output}");
}
