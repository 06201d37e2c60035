# Every target first installs the tools that it needs. The tools that scripts/setup cannot install must be present: rustup,
# a C compiler, Node with npm, and for `make test` also Python. The scripts name each missing tool.

.PHONY: help dev demo test pictures snapshots bench-dashboard simulate check fuzz build providers openapi catalogue bench bench-log work faults storm replays flood mutants deploy sdks setup clean

help: ## Lists the targets
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

dev: ## Serves the Worker on 127.0.0.1:8787; PORT changes the port, ORIGIN the destination
	@exec sh scripts/dev

demo: ## Sends good and bad webhooks to a running `make dev`
	@sh scripts/demo

pictures: build ## Makes the pictures of README.md from what `make demo` sends, in a browser
	cargo build --quiet --locked --package hookgate-cli
	@sh scripts/packages dashboard
	@sh scripts/browser
	@. scripts/env && node dashboard/pictures.mjs

test: build sdks ## Runs every test: native, in WASM, with the SDKs, on the real runtime, and in a browser
	cargo test --locked
	cargo test --locked --test sdk
	. scripts/env && CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER="node $$PWD/tools/wasm.mjs" \
		cargo test --locked --target wasm32-unknown-unknown --package hookgate-verify --no-default-features --test wycheproof
	. scripts/env && node --test --test-concurrency=2 tests/runtime/*.test.mjs
	sh scripts/browser
	. scripts/env && node --test dashboard/tests/browser/*.test.mjs

snapshots: build ## Writes the snapshots of the dashboard's views, with which `make test` compares
	sh scripts/browser
	. scripts/env && SNAPSHOTS=write node --test dashboard/tests/browser/snapshots.test.mjs

bench-dashboard: build ## Measures the dashboard in a browser; PARTS=size,first,filters,memory, EVENTS, CALLS, MINUTES=60
	sh scripts/browser
	@. scripts/env && node dashboard/tests/measure.mjs

simulate: ## Simulates the gateway under faults: SEEDS=10000 runs, or only the run SEED=123
	SEEDS=$${SEEDS:-10000} cargo test --locked --test simulation -- --nocapture

check: setup ## Checks format, lints, documentation and packages, native and in WASM
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --lib --package hookgate --target wasm32-unknown-unknown -- -D warnings
	@cargo hookgate providers --markdown | diff docs/providers.md - || { echo "docs/providers.md is stale: make providers"; exit 1; }
	@cargo hookgate openapi | diff docs/openapi.json - || { echo "docs/openapi.json is stale: make openapi"; exit 1; }
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --package hookgate --target wasm32-unknown-unknown
	@cargo hookgate catalogue --stale
	@sh scripts/deny
	@sh scripts/packages dashboard
	@. scripts/env && node dashboard/build.mjs --check
	@. scripts/env && node --test dashboard/tests/*.test.ts

fuzz: ## Fuzzes the code that reads unproven bytes; SECONDS_EACH=120 for each target; TARGET for only one
	@sh scripts/fuzz

build: ## Builds the Worker into build/
	@sh scripts/build

mutants: setup ## Changes one decision of the source at a time, and lists the changes that no test notices
	sh scripts/mutants

providers: ## Writes docs/providers.md from presets/
	cargo hookgate providers --markdown > docs/providers.md

openapi: ## Writes docs/openapi.json from the routes and the types of the answers, and the dashboard's types
	cargo hookgate openapi > target/openapi.json && mv target/openapi.json docs/openapi.json
	@sh scripts/packages dashboard
	@. scripts/env && node dashboard/build.mjs --types

catalogue: ## Prints how each preset was proven, and how long ago its sources were read
	@cargo hookgate catalogue

bench: build ## Measures the cost of a request; ROUNDS=7; AGAINST=DIR also measures another build
	@sh scripts/packages bench
	@. scripts/env && node bench/run.mjs

bench-log: build ## Measures the API's lists over a full log, and the rows that the log writes; EVENTS, CALLS, SHAPES, PARTS
	@. scripts/env && node bench/log.mjs

work: ## Counts the instructions of forged requests: at most four times a raw body's; needs valgrind
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 cargo test --locked --release --package hookgate-verify --test bounded -- --ignored --nocapture

faults: build ## Kills the runtime again and again under load, and counts the lost events; EVENTS, SEED, DEDUP
	@. scripts/env && node proof/faults.mjs

storm: build ## Sends each event ten times at once, and counts the repeated deliveries; ISOLATES, STALE, DEDUP
	@. scripts/env && node proof/storm.mjs

replays: build ## Replays the missing events in bulk, kills the runtime three times, and counts the deliveries; EVENTS, DELIVERED
	@. scripts/env && node proof/replays.mjs

flood: build ## Sends forged requests, and checks that the log counts all of them in few rows; REQUESTS=100000
	@. scripts/env && node proof/flood.mjs

# The environment of wrangler.toml to deploy. Empty: the top level.
ENV ?= $(CLOUDFLARE_ENV)

deploy: build ## Checks the configuration, deploys the Worker and creates the tables; ENV=staging deploys that environment
	cargo hookgate check --deploy --env "$(ENV)"
	. scripts/env && wrangler deploy --env "$(ENV)"
	@. scripts/env && sh scripts/migrate "$(ENV)"

sdks: ## Installs the providers' packages, with which the tests compare
	@sh scripts/packages tests/sdk
	@sh scripts/pypi

setup: ## Installs the tools that are missing
	@sh scripts/setup

clean: ## Removes the builds, but neither the tools nor the local state
	rm -rf target build
