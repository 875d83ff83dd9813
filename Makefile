# Everything that is done with this project by hand or by CI. `make` alone lists it.

CARGO ?= cargo
PYTHON ?= python3
VENV := .tools/python
REQUIREMENTS := tests/python/requirements.txt
NODE_MODULES := tests/node/node_modules
CHROMIUM := $(or $(TEST_CHROMIUM),/usr/bin/chromium)

.DEFAULT_GOAL := help
.PHONY: help demo check test crash-test bench bench-merchants bench-noisy onboarding wallet-wire mutants lint fmt generate picture places setup

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Serve the sample shops, an emulated Stripe and a page to shop in on loopback, and print their URLs.
	$(CARGO) run --locked -- demo

# Needs nothing but Rust. The suite runs the simulation with all of its seeds.
check: ## Check the format, the lints of the product and the pure tests: the loop while you work.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked -- -D warnings
	SIMULATION_SEEDS=500 $(CARGO) test --locked --quiet --lib --test domain

# Many tests wait for browsers, timers and other processes, so there are more of them at once than processors.
test: setup lint ## All that must pass: the tools, the lints, every test.
	$(CARGO) test --locked --workspace -- --test-threads=4

# Five minutes at most; CRASH_SEED=… repeats the choices of a run.
crash-test: ## Buy 500 times while the release binary is killed 50 times, and hold orders against the ledger.
	CRASH_PURCHASES=500 CRASH_KILLS=50 $(CARGO) test --locked --release --test it -- kills --nocapture

# The pace of SQLite is measured in the same run, so the ratio means something on any machine.
bench: ## Count durable purchases per second beside what SQLite alone commits.
	BENCH_ROUNDS=7 BENCH_PURCHASES=600 BENCH_SHOPPERS=32 BENCH_LEAST=0.3 $(CARGO) test --locked --release --test it -- throughput --nocapture

onboarding: ## Put doctor's present output into docs/ONBOARDING.md.
	UPDATE_DOCUMENTS=1 $(CARGO) test --locked --test it -- a_live_shop_is_examined

wallet-wire: ## Put the present wire of a wallet's payment into docs/WALLET.md.
	UPDATE_DOCUMENTS=1 $(CARGO) test --locked --test it -- the_wire_of_the_documentation

bench-merchants: ## Measure start, change and memory with 4, 1,000 and 10,000 merchants.
	BENCH_MERCHANTS=4,1000,10000 BENCH_FILES=1000 BENCH_CALLS=5000 $(CARGO) test --locked --release --test it -- many_merchants --nocapture

bench-noisy: ## Measure a merchant's slowest calls alone, and beside a flood of calls to another merchant or gateway.
	BENCH_NOISY=2000 $(CARGO) test --locked --release --test it -- noisy --nocapture

# Not part of `test`: it tests the tests. MUTANTS=… is how many are drawn, MUTANTS_SEED=… draws others; docs/RELIABILITY.md.
mutants: .tools/mutants/.complete ## Change the money path in small ways, hundreds of times, and see that a test fails.
	.tools/mutants/bin/python tests/mutants/mutants.py

.tools/mutants/.complete: tests/mutants/requirements.txt
	$(call need,$(PYTHON) -c 'import ensurepip; import venv',python3 python3-venv,Another one is named by: make mutants PYTHON=/path/to/python3)
	$(PYTHON) -m venv --clear .tools/mutants
	.tools/mutants/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement $<
	@touch $@

# The second run of clippy is the build of the shipped image, which has no emulator.
lint: widget/node_modules/.complete ## Check format and lints, with the emulator and without it, and that the widget is built.
	@! git grep -nE '^(<{7}|>{7}) ' || (echo "lint: merge markers" >&2; exit 1)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings
	npm run --silent --prefix widget check

fmt: ## Format the code.
	$(CARGO) fmt --all

# Read the diff of the snapshots before you commit it: they are the wire.
generate: setup ## Write everything that is made of something else anew: widget, schemas, snapshots.
	npm run --silent --prefix widget build
	$(CARGO) run --locked -- schema tenant > tenants/schema.json
	$(CARGO) run --locked -- schema gateway > deploy/gateway.schema.json
	INSTA_UPDATE=always $(CARGO) test --locked --test domain --test it

picture: setup ## Picture the buy widget in the demo's page for README.md.
	$(NODE_MODULES)/.bin/node tests/node/host/picture.mjs $(CHROMIUM) docs/images/widget.png $(CARGO) run --locked -- demo

# Only when the data sets have changed: their versions stand in requirements.txt.
places: ## Write the table of countries, regions and postal codes anew from the data sets that it is made of.
	$(PYTHON) -m venv --clear .tools/tables
	.tools/tables/bin/python -m pip install --quiet --disable-pip-version-check --requirement src/domain/tables/requirements.txt
	.tools/tables/bin/python src/domain/tables/make_places.py > .tools/places.json
	mv .tools/places.json src/domain/tables/places.json

setup: $(VENV)/.complete $(NODE_MODULES)/.complete widget/node_modules/.complete browser ## Make what the tests need beside Rust.

# Other people's clients are tested against, so Python, Node.js and Chromium are needed. As root on Debian what is missing
# is installed, and said so; elsewhere it is named, and nothing is installed.
define need
	@if ! $(1) >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "setup: installing $(2)"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends $(2); \
		else \
			echo "setup: missing: $(2). Install it (on Debian: apt-get install $(2)) and run this again." >&2; \
			echo "setup: $(3)" >&2; \
			exit 1; \
		fi; \
	fi
endef

$(VENV)/.complete: $(REQUIREMENTS)
	$(call need,$(PYTHON) -c 'import ensurepip; import venv',python3 python3-venv,Another one is named by: make test PYTHON=/path/to/python3)
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement $(REQUIREMENTS)
	@touch $@

# The Node.js of the tests is itself a package of tests/node: any npm will do to install it.
$(NODE_MODULES)/.complete: tests/node/package-lock.json
	$(call need,npm --version,npm,)
	npm ci --prefix tests/node --no-audit --no-fund --loglevel=error
	@touch $@

widget/node_modules/.complete: widget/package-lock.json
	$(call need,npm --version,npm,)
	npm ci --prefix widget --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: browser
browser:
	$(call need,test -x "$(CHROMIUM)",chromium,Another one is named by: make test TEST_CHROMIUM=/path/to/chromium)
