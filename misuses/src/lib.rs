//! Programs that are wrong, and what the compiler tells their authors: see `tests/compile_fail`.
