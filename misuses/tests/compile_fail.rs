//! Misuses that the compiler refuses, each with a message that a newcomer can act on.

#[test]
fn misuses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
