//! Names and patterns.

// CPython: test_with.NestedWith.testEnterReturnsTuple, AssignmentTargetTestCase.testWithExtendedTargets.
// test262: syntax/await-using-invalid-arraybindingpattern, -objectbindingpattern, which Rust allows.

use async_with::async_with;

use crate::common::log::Log;
use crate::{Lend, lend};

struct Point {
    x: i32,
    y: i32,
}

struct Pair(u8, &'static str);

#[tokio::test]
async fn a_name_is_a_mutable_reference() {
    let log = Log::default();
    async_with!(log.sure("a").value(1) as a => {
        *a += 1;
        let a: &mut u32 = a;
        assert_eq!(*a, 2);
    });
    let (mut one, mut two) = (1, 2);
    async_with!(lend(5) as mut number => {
        *number += 1;
        assert_eq!(*number, 6);
        number = if one < two { &mut one } else { &mut two };
        *number += 10;
    });
    assert_eq!((one, two), (11, 2));
}

#[tokio::test]
async fn tuples_structs_slices_and_wildcards_destructure() {
    async_with!(lend((1, "a")) as (number, text), lend((2, (3, 4))) as (a, (b, _)) => {
        *number += 1;
        assert_eq!((*number, *text, *a, *b), (2, "a", 2, 3));
    });
    async_with!(lend(Point { x: 1, y: 2 }) as Point { x, y: other } => {
        *x += *other;
        assert_eq!(*x, 3);
    });
    async_with!(lend(Pair(1, "b")) as Pair(first, ..), lend(Pair(2, "c")) as Pair(_, last) => {
        assert_eq!((*first, *last), (1, "c"));
    });
    async_with!(lend([1, 2, 3, 4]) as [first, .., last] => {
        std::mem::swap(first, last);
        assert_eq!((*first, *last), (4, 1));
    });
    async_with!(lend([1, 2, 3]) as [_, rest @ ..] => { assert_eq!(rest.len(), 2) });
    async_with!(lend(1) as _ => {});
    async_with!(lend(((1, [2, 3]), Point { x: 4, y: 5 })) as ((a, [b, _]), Point { y, .. }) => {
        assert_eq!((*a, *b, *y), (1, 2, 5));
    });
    async_with!(lend(1) as &mut number => { assert_eq!(number, 1) });
    async_with!(lend((1, 2)) as (a, b), lend(*a + *b) as c => { assert_eq!(*c, 3) });
}

// CPython: test_with.NonexceptionalTestCase.testInlineGeneratorSyntax, testUnboundGenerator.
#[tokio::test]
async fn no_name_is_needed() {
    let log = Log::default();
    let manager = log.sure("bound");
    async_with!(manager => { log.add("body") });
    async_with!(log.sure("inline") => { log.add("body") });
    log.expect(&[
        "enter bound",
        "body",
        "exit bound: completed",
        "enter inline",
        "body",
        "exit inline: completed",
    ]);
}

// CPython: testInlineGeneratorBoundSyntax, testBoundGenerator, testInlineGeneratorBoundToExistingVariable.
// test262: syntax/await-using-outer-inner-using-bindings.
#[tokio::test]
async fn a_name_shadows_in_its_block_only() {
    let name = 1;
    async_with!(lend(name + 1) as name => {
        assert_eq!(*name, 2);
        async_with!(lend(*name + 1) as name => { assert_eq!(*name, 3) });
        assert_eq!(*name, 2);
    });
    assert_eq!(name, 1);
}

#[tokio::test]
async fn a_trait_of_the_manager_may_be_named_in_the_head() {
    async_with!(Lend::<u8>(Some(1)) as one, Lend::<(u8, u8)>(Some((1, 2))) as two => {
        assert_eq!((*one, *two), (1, (1, 2)));
    });
}
