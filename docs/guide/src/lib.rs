//! The programming guide, as far as it is Rust: a module per chapter, so that `cargo test --doc -p guide` compiles and runs
//! every listing. The chapters lie beside `Cargo.toml`; their order is in `docs/SUMMARY.md`.

/// Declares a module per chapter.
macro_rules! chapters {
    ($($chapter:ident),+ $(,)?) => {$(
        #[doc = include_str!(concat!("../", stringify!($chapter), ".md"))]
        pub mod $chapter {}
    )+};
}

chapters!(
    introduction,
    linking,
    initialising,
    dstreams,
    inputs,
    custom_receivers,
    files,
    actor_streams,
    transformations,
    windows,
    state,
    joins,
    outputs,
    persistence,
    shared_variables,
    failures,
    checkpointing,
    fault_tolerance,
    upgrading,
    inspecting,
    monitoring,
    testing,
    fault_injection,
    flow_control,
    tuning,
    coming_from_spark,
);
