//! The programming guide, as far as it is Rust: a module per chapter, so that `cargo test --doc -p guide` compiles and runs
//! every listing. The chapters are in the folder `chapters`; begin with its `SUMMARY.md`.

/// Declares a module per chapter.
macro_rules! chapters {
    ($($chapter:ident),+ $(,)?) => {$(
        #[doc = include_str!(concat!("../chapters/", stringify!($chapter), ".md"))]
        pub mod $chapter {}
    )+};
}

chapters!(
    introduction,
    linking,
    initialising,
    dstreams,
    inputs,
    transformations,
    outputs,
    persistence,
    failures,
    testing,
    tuning,
    coming_from_spark,
);
