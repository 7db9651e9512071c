# iota: everything that is run from the project's folder. `make` lists the targets.
# `sam build` runs build-Detect in a copy of src/ elsewhere: everything is found from the place of this file.
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
TARGET := $(or $(CARGO_TARGET_DIR),$(ROOT)/target)
IOTA := $(TARGET)/release/iota
VENV := $(ROOT)/.venv
# The rules' interpreter first: it has PyYAML, which reading rules needs.
export PATH := $(VENV)/bin:$(PATH)
# The shortest way for one Cargo profile to serve build, tests and SAM: the AWS SDK compiles once.
CARGO_FLAGS := --release --locked

.PHONY: help demo test build test-rust test-engine test-rules lint format e2e bench clean build-Detect

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(ROOT)/Makefile

## what a newcomer runs

demo: build ## run the real function on a folder of logs with an attack inside; no AWS account
	@echo "iota local: events/bucket is served as an S3 bucket; the real Lambda binary gets a notification per file"
	@$(IOTA) local events/bucket --once --rules rules

test: build test-rust test-engine test-rules ## run all tests that need neither AWS nor root

build: $(VENV)/dev ## build the command and the function
	@echo "building (minutes the first time: the AWS SDK is large)"
	@cargo build $(CARGO_FLAGS)

## the parts of `make test`

test-rust: $(VENV)/dev ## ingestion, engine, function and command, through the real binaries
	cargo test $(CARGO_FLAGS)

test-engine: $(VENV)/dev ## the Python engine, through its pipes
	cd layer && python -m pytest

test-rules: build ## the rules' own tests, and the story they must catch
	python events/make_story.py --check
	$(IOTA) test rules

## for whoever changes something

format: $(VENV)/dev ## rewrite to the house style
	cargo fmt
	ruff format layer events tests rules benches

# Clippy as a wrapper shares every compiled dependency with the build; `cargo clippy` would compile them again.
lint: $(VENV)/dev ## formatting, clippy, ruff, mypy --strict
	cargo fmt --check
	RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__" cargo build $(CARGO_FLAGS) --all-targets
	ruff check layer events tests rules benches
	ruff format --check layer events tests rules benches
	cd layer && mypy --strict iota_engine
	tests/check_binaries.sh "$(TARGET)/release"

e2e: build $(VENV)/sam ## moto's S3, an independent Runtime API, and the SAM artefacts as Lambda mounts them (root)
	sam validate
	python tests/sam/check_template.py
	sam build --cached=false 2>/dev/null || sam build
	python -m pytest -q tests/e2e

bench: build ## what everything costs, as ratios of one run
	python benches/bench.py --iota $(IOTA)

clean: ## remove what was built, not what was installed
	cargo clean
	rm -rf .aws-sam

## SAM's builder of the function

build-Detect:
	cd "$(ROOT)" && cargo build $(CARGO_FLAGS) --bin bootstrap
	install -s -m 755 "$(TARGET)/release/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"

## what is installed into the project's folder

$(VENV)/dev: requirements-dev.txt
	@echo "installing the Python tools into .venv"
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/sam: requirements-sam.txt $(VENV)/dev
	@echo "installing SAM, moto and cargo-lambda into .venv"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-sam.txt
	@touch $@
