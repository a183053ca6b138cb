# Everything a newcomer types. What a target needs is installed on Debian and Ubuntu, saying so first.
#
# One profile for all (release, with overflow checks), and always the whole workspace: RocksDB takes some twenty minutes to
# build on two cores, once for each profile and each set of features. The target directory lies outside the checkout, so
# that a fresh clone and every CI run build only what changed.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/tally/target

# What `cargo deny` looks at; without a network, `make check DENY="bans licenses sources"` leaves the advisories out.
DENY ?= advisories bans licenses sources

.PHONY: help setup build demo till-demo model settlement-check alliance-check verify-foreign bench fuzz test check fmt clippy selftest year fuzzcheck deny tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Four merchants, an airline, a year of purchases, a crash, twelve settlements, an audit (DEMO_ARGS=--keep leaves it running)
	@scripts/demo.sh $(DEMO_ARGS)

till-demo: setup ## A till sells on while its line is cut, answers are lost and processes killed; then nothing is lost or doubled
	cargo build --release --workspace --locked
	cargo test --release --workspace --locked --test till -- --nocapture

model: setup ## The rules executed twice, by the contracts and by a model of its own, over 120,000 random operations
	cargo build --release --workspace --locked
	@scripts/model.sh

settlement-check: setup ## Settlement in full: the model, the demo year, and all its finance files in other people's tools
	cargo build --release --workspace --locked
	@scripts/settlement_check.sh

alliance-check: setup ## Governance in full: the model, the demo year's books in hledger, and a merchant that joins and leaves under load
	cargo build --release --workspace --locked
	@scripts/alliance_check.sh

verify-foreign: ## Proofs of a running alliance, checked by programs that know nothing of Tally (docs/verify/README.md)
	@scripts/setup.sh foreign
	cargo build --release --workspace --locked
	@scripts/verify_foreign.sh

bench: setup ## Rates, latency and cost beside PostgreSQL's, on a machine that does nothing else (BENCH_ARGS=--quick: fewer, without the longest)
	cargo build --release --workspace --locked
	@scripts/bench/bench.py $(BENCH_ARGS)

test: setup selftest ## All tests
	cargo build --release --workspace --all-targets --locked
	cargo test --release --workspace --all-targets --locked

check: tools fmt clippy test fuzzcheck deny ## What a change must pass: formatting, lints, tests, dependencies

build: setup ## The binaries tallyd and tally
	cargo build --release --workspace --locked

setup: ## Install what the build needs
	@scripts/setup.sh

fmt:
	cargo fmt --all --check
	cargo fmt --all --check --manifest-path fuzz/Cargo.toml

clippy: setup
	cargo clippy --release --workspace --all-targets --locked -- -D warnings

selftest: setup
	@for script in scripts/*.sh scripts/bench/*.sh scripts/foreign/*.sh .ci/run; do bash -n $$script || exit 1; done
	python3 docs/formats_check.py
	python3 tests/year_check.py --self-test
	python3 tests/year_check.py --json /dev/null

year: setup ## Work out the demo year without the ledger
	python3 tests/year_check.py

fuzz: setup ## Fuzz every decoder and whole blocks (FUZZ_SECONDS=60 each; see fuzz/README.md)
	@scripts/fuzz.sh

fuzzcheck: setup
	@scripts/fuzz.sh check

deny: tools
	cargo deny --locked check --hide-inclusion-graph $(DENY)

tools:
	@cargo deny --version >/dev/null 2>&1 || { \
	  echo "make check needs cargo-deny, which is not installed: cargo install cargo-deny --locked" >&2; exit 1; }
