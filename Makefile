# One target per thing a contributor does. Each installs what a fresh Debian with only the Rust toolchain lacks, says so
# when it does, and costs nothing when nothing is missing.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The parts of `test` come one after the other even under `make -j`: CI reads the test runner's closing line last.
.NOTPARALLEL:

CARGO ?= cargo
# In CI a lock file that does not match the manifests is an error, at a desk cargo updates it.
LOCKED := $(if $(CI),--locked)
# In CI nothing is built a second time and nobody steps through it: without what only helps there, a cold build takes a
# fraction of the room.
ifdef CI
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := none
endif
LIBRARIES := -p waterwheel -p waterwheel-runtime -p waterwheel-operators -p waterwheel-receivers -p waterwheel-monitor -p waterwheel-sqlite -p waterwheel-cli -p waterwheel-chaos
WORKLOADS ?= w1 w2 w3 w4 w5 w6
BENCH_ARGS ?=
KILLS ?= 200
SOURCE ?= reliable
SEED ?=
DEMO_BATCHES ?= 30

say = @echo "==> $(1)"

.PHONY: help
help: ## this list
	@echo "Waterwheel: make TARGET"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: demo
demo: ## count the words of an embedded text server, live, with a page to watch it on
	@scripts/ensure.sh cargo c-compiler
	$(call say,Building what the demo needs (a minute or two the first time) and counting words as they arrive; Ctrl-C ends it)
	@$(CARGO) run $(LOCKED) --profile demo -p examples --no-default-features --features monitor --bin network_word_count -- --batches $(DEMO_BATCHES)

.PHONY: test
test: lint docs doctest ## everything CI runs
	@scripts/ensure.sh chromium
	$(call say,Tests)
	@# With a browser here, a test that does not find it fails. The notice comes before the tests: CI reads their closing line last.
	@if scripts/ensure.sh browser; then \
		export PAGE_TESTS_BROWSER=required; \
	else \
		echo "==> SKIPPED: the tests of the page in a browser: there is no Chromium here (apt-get install chromium)"; \
	fi; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run $(LOCKED) --workspace; \
	else \
		echo "cargo-nextest is not installed, cargo test does it as well"; \
		$(CARGO) test $(LOCKED) --workspace --lib --bins --tests; \
	fi

.PHONY: lint
lint: ## format, lints and file lengths
	@scripts/ensure.sh cargo c-compiler libclang rustfmt clippy
	$(call say,Format)
	@$(CARGO) fmt --all --check
	$(call say,File lengths)
	@scripts/check_file_length.sh
	$(call say,Lints)
	@$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

.PHONY: docs
docs: ## the documentation of the library crates, warnings denied
	@scripts/ensure.sh cargo c-compiler libclang
	$(call say,Documentation)
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --no-deps $(LIBRARIES)

.PHONY: doctest
doctest: ## the examples in the documentation
	@scripts/ensure.sh cargo c-compiler libclang
	$(call say,Examples in the documentation)
	@$(CARGO) test $(LOCKED) --doc --workspace

.PHONY: chaos
chaos: ## kill a program while it works (KILLS=200, SEED=..., SOURCE=reliable, actor, remote, http or files), and look for anything lost or counted twice
	@scripts/ensure.sh cargo c-compiler libclang
	$(call say,Building the program that is killed)
	@$(CARGO) build $(LOCKED) -p waterwheel-chaos
	@$(CARGO) run $(LOCKED) --quiet -p waterwheel-chaos --bin chaos -- \
		--source $(SOURCE) --all-points --kills $(KILLS) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: ## the benchmarks (WORKLOADS="w1 w2 w3 w4 w5 w6"; there are also store, files, overload and page), as JSON lines here and in results/
	@scripts/ensure.sh cargo c-compiler libclang
	$(call say,Building the benchmarks in release mode)
	@$(CARGO) build $(LOCKED) --release -p benchmarks
	@mkdir -p results; \
	results="results/bench-$$(date +%Y-%m-%d-%H%M%S).jsonl"; \
	echo "==> Running $(WORKLOADS) into $$results"; \
	for workload in $(WORKLOADS); do \
		case $$workload in w4) also=--block-log ;; *) also= ;; esac; \
		$(CARGO) run $(LOCKED) --quiet --release -p benchmarks -- "$$workload" $$also $(BENCH_ARGS) | tee -a "$$results"; \
	done
