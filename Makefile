# `make run` and `make test` need nothing but Debian 12 and Rust. Both say what they install.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

TOOLS := $(or $(WASMCAST_TEST_TOOLS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/wasmcast)
export PATH := $(TOOLS)/tools/bin:$(PATH)
SETUP := tests/setup/install.sh
FUZZ_SECONDS ?= 30
SOAK_SECONDS ?= 600

.PHONY: help run plugins guests test test-all lint fmt unit setup-build setup-test bindings bench soak fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: plugins ## build server and plugins, and start the server with its demo stream
	cargo run --release --locked -- serve --demo

plugins: setup-build ## build the plugins that come with the server, for examples/*.toml
	@$(SETUP) guests
	cargo build --release --locked
	for plugin in auth-jwt:jwt auth-webhook:webhook observer-webhook:observer ratelimit-basic:ratelimit router-canary:canary; do \
		name=$${plugin%:*}; \
		$${CARGO_TARGET_DIR:-target}/release/wasmcast plugin build --quiet plugins/$$name >/dev/null; \
		cp plugins/$$name/dist/$$name.wasm examples/$${plugin#*:}/; done

# All at once, with the features that the tests run with: else the server is built twice.
guests: setup-build ## build the plugins that the tests load
	cargo test --locked --workspace --no-run --quiet
	tests/setup/guests.sh $${CARGO_TARGET_DIR:-target}/debug/wasmcast $${CARGO_TARGET_DIR:-target}/guests

test: setup-test lint guests ## everything: lints, unit, end-to-end and browser tests
	cargo test --locked --workspace --doc --quiet
	cargo nextest run --locked --workspace
	cargo nextest run --manifest-path plugins/Cargo.toml --workspace

test-all: setup-test lint guests ## as test, with the whole matrices of publishers, codecs and viewers
	cargo test --locked --workspace --doc --quiet
	cargo nextest run --locked --workspace --profile all
	cargo nextest run --manifest-path plugins/Cargo.toml --workspace

unit: setup-build ## the tests that need no browser or client
	$(SETUP) tools
	cargo nextest run --locked --workspace -E 'not binary(e2e)'
	cargo nextest run --manifest-path plugins/Cargo.toml --workspace

lint: ## formatting, clippy, documentation, licences, unused dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	for plugins in plugins tests/plugins; do \
		cargo fmt --all --check --manifest-path $$plugins/Cargo.toml; \
		cargo clippy --manifest-path $$plugins/Cargo.toml --workspace --all-targets --quiet -- -D warnings; done
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --no-deps --document-private-items --quiet
	tests/fuzz/check.sh
	cargo deny --log-level error check bans licenses sources
	tests/setup/advisories.sh
	cargo shear

fmt: ## format the code
	cargo fmt --all

bindings: ## write the SDK's bindings anew, after a change of wit/
	cargo run --quiet --manifest-path sdk/generate/Cargo.toml

bench: setup-build ## CPU, memory and latency with 200 viewers, beside Janus; prints a table
	tests/bench/run.sh

soak: setup-build ## peers come and go and plugins reload for SOAK_SECONDS (600); the server must not grow
	tests/soak/run.sh $(SOAK_SECONDS)

fuzz: setup-build ## each fuzz target for FUZZ_SECONDS (30)
	$(SETUP) tools
	tests/fuzz/run.sh $(FUZZ_SECONDS)

setup-build:
	@$(SETUP) build

setup-test: setup-build
	@$(SETUP) tools
	@$(SETUP) guests
	@$(SETUP) peers
