//! What the compiler says about each mistake. Refresh with `TRYBUILD=overwrite cargo test --test compiletest`, then read
//! the diff as a user would read the error.

/// The text of errors differs between compilers, so they are compared on one of them.
#[rustversion::attr(not(stable(1.95)), ignore = "the errors are those of rustc 1.95")]
#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
