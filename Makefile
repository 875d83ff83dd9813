# Everything that is done with this project by hand or by CI. `make` alone lists it.

CARGO ?= cargo
PYTHON ?= python3
VENV := .tools/python
REQUIREMENTS := tests/python/requirements.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint fmt generate setup

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Serve a sample shop against an emulated Stripe on loopback, and print its URLs.
	$(CARGO) run --locked -- demo

test: setup lint ## All that must pass: the tools, the lints, every test.
	$(CARGO) test --locked

# The second run of clippy is the build of the shipped image, which has no emulator.
lint: ## Check format and lints, with the emulator and without it.
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

fmt: ## Format the code.
	$(CARGO) fmt

# Snapshots are the only generated files so far. Read the diff before you commit it: they are the wire.
generate: setup ## Write the snapshots of tests/it anew.
	INSTA_UPDATE=always $(CARGO) test --locked --test it

setup: $(VENV)/.complete ## Make what the tests need beside Rust: a Python environment in .tools.

# Other people's clients are tested against, so Python is needed. As root on Debian it is installed, and said so.
$(VENV)/.complete: $(REQUIREMENTS)
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "setup: $(PYTHON) with venv is missing; installing the packages python3 and python3-venv"; \
			apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv; \
		else \
			echo "setup: $(PYTHON) with venv is missing. Install it (on Debian: apt-get install python3 python3-venv)" >&2; \
			echo "setup: and run this again, or name another one: make test PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
	fi
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(REQUIREMENTS)
	@touch $@
