# Every target sets up what it needs first: see scripts/setup. Nothing but rustup and Node has to be there.

.PHONY: help dev demo test simulate check fuzz build providers catalogue bench work faults storm mutants deploy sdks setup clean

help: ## Lists the targets
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

dev: ## Serves the Worker on 127.0.0.1:8787; PORT and ORIGIN change where, and where it forwards to
	@exec sh scripts/dev

demo: ## Sends webhooks, good and bad, to a running `make dev`
	@sh scripts/demo

test: build sdks ## Runs every test: native, in WASM, beside the SDKs, and against the real runtime
	cargo test --locked
	cargo test --locked --test sdk
	. scripts/env && CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER="node $$PWD/tools/wasm.mjs" \
		cargo test --locked --target wasm32-unknown-unknown --package hookgate-verify --no-default-features --test wycheproof
	. scripts/env && node --test --test-concurrency=2 tests/runtime/*.test.mjs

simulate: ## Simulates the gateway while everything fails: SEEDS=10000 runs, or SEED=123 alone
	SEEDS=$${SEEDS:-10000} cargo test --locked --test simulation -- --nocapture

check: setup ## Checks format, lints, documentation and packages, for native and for WASM
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --lib --package hookgate --target wasm32-unknown-unknown -- -D warnings
	@cargo hookgate providers --markdown | diff docs/providers.md - || { echo "docs/providers.md is stale: make providers"; exit 1; }
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --package hookgate --target wasm32-unknown-unknown
	@cargo hookgate catalogue --stale
	@sh scripts/deny

fuzz: ## Fuzzes what reads unproven bytes; SECONDS_EACH says for how long (120), TARGET that only one is
	@sh scripts/fuzz

build: ## Builds the Worker into build/
	@sh scripts/build

mutants: setup ## Changes decisions in the source, one at a time: lists the changes that no test notices
	sh scripts/mutants

providers: ## Writes docs/providers.md from presets/
	cargo hookgate providers --markdown > docs/providers.md

catalogue: ## Prints who proved each preset, and how long ago its sources were read
	@cargo hookgate catalogue

bench: build ## Measures the cost of a request; AGAINST=DIR measures another build too, ROUNDS says how often (7)
	@sh scripts/packages bench
	@. scripts/env && node bench/run.mjs

work: ## Counts the instructions of forged requests: at most four times a raw body's; needs valgrind
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 cargo test --locked --release --package hookgate-verify --test bounded -- --ignored --nocapture

faults: build ## Kills the runtime again and again under load, and counts what is lost; EVENTS, SEED, DEDUP
	@. scripts/env && node proof/faults.mjs

storm: build ## Sends each event ten times at once, and counts what leaks; ISOLATES, STALE, DEDUP
	@. scripts/env && node proof/storm.mjs

# The environment to deploy, as wrangler has it; the top level where there is none.
ENV ?= $(CLOUDFLARE_ENV)

deploy: build ## Checks the configuration and deploys the Worker; ENV=staging deploys that environment
	cargo hookgate check --deploy --env "$(ENV)"
	. scripts/env && wrangler deploy --env "$(ENV)"

sdks: ## Installs the providers' own packages, which the tests compare with
	@sh scripts/packages tests/sdk
	@sh scripts/pypi

setup: ## Installs the tools, where they are missing
	@sh scripts/setup

clean: ## Removes what is built, but not the tools nor the local state
	rm -rf target build
