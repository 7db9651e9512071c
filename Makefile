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

.PHONY: help demo test build test-rust test-engine test-rules lint format e2e fuzz bench clean build-Detect
.PHONY: sam-build rules zips stackset release check-deploy audit advisories

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
	$(IOTA) test rules --require-both
	python docs/rules.py --check

## for whoever changes something

format: $(VENV)/dev ## rewrite to the house style
	cargo fmt
	ruff format layer events tests rules benches docs

# Clippy as a wrapper shares every compiled dependency with the build; `cargo clippy` would compile them again.
lint: $(VENV)/dev ## formatting, clippy, ruff, mypy --strict
	cargo fmt --check
	RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__" cargo build $(CARGO_FLAGS) --all-targets
	ruff check layer events tests rules benches docs
	ruff format --check layer events tests rules benches docs
	cd layer && mypy --strict iota_engine
	tests/check_binaries.sh "$(TARGET)/release"

e2e: build check-deploy ## moto's S3, an independent Runtime API, and the SAM artefacts as Lambda mounts them (root)
	sam build --cached=false 2>/dev/null || sam build
	python -m pytest -q tests/e2e

# A million of each takes minutes a target; a finding says how to have it again. FUZZ narrows it: FUZZ=fuzz_alert.
RUNS := 1000000
SEED := 1
FUZZ := fuzz
fuzz: $(VENV)/dev ## random inputs for every part that reads what strangers wrote: RUNS=1000000 SEED=1
	IOTA_FUZZ_RUNS=$(RUNS) IOTA_FUZZ_SEED=$(SEED) cargo test $(CARGO_FLAGS) --lib $(FUZZ) -- --nocapture --test-threads=1
	python layer/tests/fuzz.py --runs $(RUNS) --seed $(SEED)

bench: build ## what everything costs, as ratios of one run
	python benches/bench.py --iota $(IOTA)

clean: ## remove what was built, not what was installed
	cargo clean
	rm -rf .aws-sam

## what is deployed

sam-build: $(VENV)/sam ## build the function and its layers, ready for `sam deploy`
	sam build

rules: $(VENV)/dev ## build the rules layer alone, with Python alone: .aws-sam/rules.zip
	@rm -rf .aws-sam/rules
	@$(MAKE) --no-print-directory -f rules/Makefile build-RulesLayer ARTIFACTS_DIR="$(ROOT)/.aws-sam/rules"
	@python docs/deploy/package.py zip .aws-sam/rules .aws-sam/rules.zip

zips: ## zip what `make sam-build` made, for Terraform and plain CloudFormation: .aws-sam/zips
	@for name in Detect EngineLayer RulesLayer; do \
		python docs/deploy/package.py zip .aws-sam/build/$$name .aws-sam/zips/$$name.zip || exit 1; \
	done

stackset: $(VENV)/sam ## the template without SAM's transform, and its zips, for StackSets: .aws-sam/stackset
	@python docs/deploy/package.py stackset

release: build .tools/release $(VENV)/sam ## everything of a release, tried: zips, templates, wheel, SBOM, checksums: dist
	sam build
	@rm -rf .aws-sam/stackset
	@$(MAKE) --no-print-directory stackset
	@.tools/release/bin/python docs/deploy/release.py

PARTITIONS := us-east-1 us-gov-west-1 cn-north-1
check-deploy: $(VENV)/sam ## lint the templates in three partitions, carry out their conditions, test what changes buckets
	sam validate
	cfn-lint --regions $(PARTITIONS) -- template.yaml docs/deploy/*.yaml
	python tests/sam/check_template.py
	python -m pytest -q tests/sam

DENY := 0.20.2
audit: .tools/checkov .tools/deny-$(DENY) ## licences, sources, twins of crates; checkov over the templates; exceptions stand beside what they excuse
	.tools/bin/cargo-deny --locked check licenses bans sources
	.tools/checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation \
		$(foreach file,template.yaml $(wildcard docs/deploy/*.yaml),--file $(file))

# Apart, because it asks databases on the internet what is known today: a build must not depend on their answer.
# `--strict`: a package that is not in the database is no package without a fault.
advisories: .tools/pip-audit .tools/deny-$(DENY) ## known faults of what we depend on, Rust and Python; the weekly workflow runs it
	.tools/bin/cargo-deny --locked check advisories
	for list in requirements-dev requirements-release requirements-sam rules/requirements; do \
		.tools/pip-audit/bin/pip-audit --strict --progress-spinner off --requirement $$list.txt || exit 1; \
	done

## SAM's builder of the function

# arm64 is untested: it needs the Rust target aarch64-unknown-linux-gnu, and cargo-lambda brings the linker.
build-Detect:
ifeq ($(IOTA_ARCH),arm64)
	cd "$(ROOT)" && cargo lambda build $(CARGO_FLAGS) --arm64 --bin bootstrap
	install -m 755 "$(TARGET)/lambda/bootstrap/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"
else
	cd "$(ROOT)" && cargo build $(CARGO_FLAGS) --bin bootstrap
	install -s -m 755 "$(TARGET)/release/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"
endif

## what is installed into the project's folder

# A folder that only half is there would be taken for done.
venv-of = python3 -m venv $(1) && $(1)/bin/python -m pip install --quiet --disable-pip-version-check -r $(2) && touch $(1) || { rm -rf $(1); exit 1; }

$(VENV)/dev: requirements-dev.txt
	@echo "installing the Python tools into .venv"
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/sam: requirements-sam.txt $(VENV)/dev
	@echo "installing SAM, moto and cargo-lambda into .venv"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-sam.txt
	@touch $@

.tools/release: requirements-release.txt
	@echo "installing maturin and CycloneDX's library into .tools"
	@$(call venv-of,$@,$<)

# Kept apart from .venv: it wants an older SDK than SAM does.
.tools/checkov: tests/sam/requirements-checkov.txt
	@echo "installing checkov into .tools (290 MB)"
	@$(call venv-of,$@,$<)

.tools/deny-$(DENY):
	@echo "building cargo-deny $(DENY) into .tools (minutes the first time)"
	@cargo install --quiet --locked --root .tools cargo-deny@$(DENY)
	@touch $@

.tools/pip-audit: requirements-audit.txt
	@echo "installing pip-audit into .tools"
	@$(call venv-of,$@,$<)
