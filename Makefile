# `make demo` shows the main job, `make test` runs every check that needs no server.
# Each makes its own environment in .venv. `make help` lists all targets.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
SDK := .venv-encryption-sdk
AWS_CLI := .venv-awscli
PIP_OF := bin/python -m pip --quiet --disable-pip-version-check
PIP := $(VENV)/$(PIP_OF)
NO_ASSERT_WARNING := -W "ignore:assertions not in test modules:pytest.PytestConfigWarning"
QUICK := not full and not servers
# A file stays with one worker: the examples of one page follow one another.
TWO := -n 2 --dist loadfile
# Needs a server to be covered; `make test-servers` covers it, and `make coverage` adds all up.
NEED_SERVERS := src/nitro_attest/nonces/redis.py,src/nitro_attest/nonces/_sql_transactions.py
T :=

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@echo "make TARGET; make test T=tests/unit/core/test_policy.py runs one file or folder"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 20

# --- the two commands of the README --------------------------------------------------------------

.PHONY: demo test
demo: $(VENV)/core ## verify captured documents and print each verdict
	@$(BIN)/python -m nitro_attest.demo

ifeq ($(T),)
test: format lint types contracts tests optimized check-generated docs sdist fuzz ## every check that needs no server; T=PATH: only these tests
	@echo "every check passed"
else
test: $(VENV)/all
	$(BIN)/pytest -m "not servers" $(T)
endif

# --- every check, in the order in which they are cheap -------------------------------------------

.PHONY: format lint types contracts tests optimized check-generated docs wheel sdist
format: $(VENV)/all ## formatting (ruff)
	$(BIN)/ruff format --check

lint: $(VENV)/all ## all rules of ruff
	$(BIN)/ruff check

types: $(VENV)/all ## mypy strict and pyright strict, the documentation's examples included
	$(BIN)/mypy
	$(BIN)/pyright
	cd broker && ../$(BIN)/mypy && ../$(BIN)/pyright
	$(BIN)/python tests/typing/check_examples.py

contracts: $(VENV)/all ## which module may import which (import-linter)
	$(BIN)/lint-imports

tests: $(VENV)/all ## the tests, with 100 % of the branches that need no server
	COVERAGE_FILE=.coverage.tests $(BIN)/pytest $(TWO) --cov --cov-report= --cov-fail-under=0 -m "$(QUICK)"
	COVERAGE_FILE=.coverage.tests $(BIN)/coverage report --omit=$(NEED_SERVERS)
	cd broker && COVERAGE_FILE=.coverage.tests ../$(BIN)/pytest -q --cov --cov-report= --cov-fail-under=0 -m "not servers"

# pytest rewrites the asserts of test modules, so they count here as well; under -OO there are no
# docstrings, so only the core's own tests run there.
optimized: $(VENV)/all ## the tests under python -O and -OO
	PYTHONOPTIMIZE=1 $(BIN)/python -m pytest -q $(TWO) -m "$(QUICK)" $(NO_ASSERT_WARNING) tests
	PYTHONOPTIMIZE=2 $(BIN)/python -m pytest -q $(TWO) $(NO_ASSERT_WARNING) tests/unit/core tests/behaviour/test_captured_documents.py

check-generated: $(VENV)/all ## that generated files are what their generators write
	$(BIN)/python tests/project/generate.py --check

docs: $(VENV)/all ## the documentation, warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs build/docs

wheel: $(VENV)/all ## build the wheel and the sdist, and use them in new environments
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/python tests/project/check_wheel.py dist

sdist: wheel ## the core's tests from the unpacked sdist
	rm -rf build/sdist && mkdir -p build/sdist && tar -xzf dist/nitro_attest-*.tar.gz -C build/sdist --strip-components=1
	cd build/sdist && PYTHONPATH=src $(abspath $(BIN))/python -m pytest -q $(TWO) tests/unit/core tests/golden tests/project tests/behaviour/test_vectors.py

# --- with servers from Debian --------------------------------------------------------------------

.PHONY: test-servers coverage
test-servers: $(VENV)/all $(SDK)/all $(AWS_CLI)/all ## the tests against real servers and clients (Redis, PostgreSQL, AWS CLI, Chromium)
	COVERAGE_FILE=.coverage.servers $(BIN)/pytest --cov --cov-report= --cov-fail-under=0 -m "servers and not full" tests \
		--ignore tests/end_to_end/kms/test_encryption_sdk.py
	$(SDK)/bin/python -m pytest -q -c pyproject.toml tests/end_to_end/kms/test_encryption_sdk.py
	cd broker && COVERAGE_FILE=.coverage.servers AWS_CLI=$(CURDIR)/$(AWS_CLI)/bin/aws \
		ENCRYPTION_SDK_PYTHON=$(CURDIR)/$(SDK)/bin/python \
		../$(BIN)/pytest -q --cov --cov-report= --cov-fail-under=0 -m servers

coverage: $(VENV)/all ## 100 % of all branches, after `make tests` and `make test-servers`
	$(BIN)/coverage combine --keep .coverage.tests .coverage.servers
	$(BIN)/coverage report
	cd broker && ../$(BIN)/coverage combine --keep .coverage.tests .coverage.servers && ../$(BIN)/coverage report

.PHONY: broker sequence
broker: $(VENV)/all ## serve the key broker from a temporary folder on 127.0.0.1:8200
	data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && $(BIN)/nitro-attest-broker serve --data "$$data"

sequence: $(VENV)/all ## encrypt, store, carry, attest, release, decrypt inside: step by step
	@$(BIN)/python examples/sequence/run.py

# --- what is generated ---------------------------------------------------------------------------

.PHONY: generate lock
generate: $(VENV)/all ## write vectors, messages, schema, rules table, console examples, public API
	$(BIN)/python tests/project/generate.py

lock: $(VENV)/all ## write the locks in requirements/, with hashes and without an index
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-strip-extras --no-emit-index-url --no-emit-find-links requirements/dev.in -o requirements/dev.txt
	for name in encryption-sdk awscli; do $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-strip-extras --no-emit-index-url --no-emit-find-links \
		requirements/$$name.in -o requirements/$$name.txt || exit 1; done

# --- what takes longer, or other versions --------------------------------------------------------

.PHONY: test-full versions lowest fuzz mutation rules
test-full: $(VENV)/all ## the long runs as a whole, such as every bit flip of two documents
	$(BIN)/pytest $(TWO) -m "not servers"

versions: $(VENV)/all ## the tests on other Pythons that are installed
	@tested=; for v in 3.11 3.12 3.13 3.14; do \
		case "$$($(BIN)/python --version)" in "Python $$v."*) continue;; esac; \
		found=; for p in python$$v "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$v.*/bin/python$$v; do \
			"$$p" -c 'import venv' 2>/dev/null && found=$$p && break; done; \
		if [ -z "$$found" ]; then continue; fi; \
		$(MAKE) --no-print-directory VENV=.venv-$$v PYTHON="$$found" tests-$$v || exit 1; tested="$$tested $$v"; \
	done; echo "other Pythons tested:$${tested:- none found}"

tests-%: $(VENV)/all
	$(BIN)/python --version && $(BIN)/pytest -q $(TWO) -m "$(QUICK)" tests src

lowest: ## the tests with the oldest versions that pyproject.toml allows
	@$(MAKE) --no-print-directory VENV=.venv-lowest .venv-lowest/lowest
	.venv-lowest/bin/python -m pytest -q $(TWO) -m "$(QUICK)" tests

# SECONDS=60 fuzzes each target that long, HOURS=1 shares the hours among them; crashes stay in build/fuzz.
FUZZ_TARGETS := envelope chain walk payload policy_file recipient nsm
SECONDS := 20
fuzz: SECONDS := $(if $(HOURS),$(shell expr $(HOURS) \* 3600 / $(words $(FUZZ_TARGETS))),$(SECONDS))
fuzz: $(VENV)/all ## fuzz each target for SECONDS=20, or share HOURS=n among them
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) $(FUZZ_TARGETS)

mutation: $(VENV)/all ## mutate the core and hold the survivors to a list with reasons (an hour)
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/python tests/mutation/score.py

rules: $(VENV)/all ## break each numbered rule in turn, and see that its tests notice
	$(BIN)/python tests/project/rules.py

# --- benchmarks ----------------------------------------------------------------------------------

.PHONY: bench bench-peers bench-worst bench-stores
bench: $(VENV)/all ## what a verdict costs, as a ratio to bare signature checks
	$(BIN)/python benchmarks/bench.py

bench-peers: $(VENV)/all ## other verifiers beside this one
	$(BIN)/python benchmarks/peers.py

bench-worst: $(VENV)/all ## search for the input that costs most to reject
	$(BIN)/python benchmarks/worst_input.py --count 200000

bench-stores: $(VENV)/all ## nonces a second for each store, and what an envelope costs
	PYTHONPATH=tests $(BIN)/python benchmarks/nonces.py
	$(BIN)/python benchmarks/recipient.py

# --- environments and the rest -------------------------------------------------------------------

.PHONY: vectors-archive clean
vectors-archive: $(VENV)/all ## pack the test vectors for other languages
	PYTHONPATH=tests $(BIN)/python -m vectorgen.archive dist

clean: ## remove everything that make has made
	rm -rf .venv .venv-* build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@touch $@

# The lock is complete, so pip resolves nothing: --no-deps. `pip check` proves it.
$(VENV)/all: pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --no-deps --requirement requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable . --editable broker
	$(PIP) check
	@touch $(VENV)/core $@

# AWS's own clients, each in an environment of its own.
$(SDK)/all: pyproject.toml requirements/encryption-sdk.txt
	$(PYTHON) -m venv $(SDK)
	$(SDK)/$(PIP_OF) install --require-hashes --no-deps --requirement requirements/encryption-sdk.txt
	$(SDK)/$(PIP_OF) install --no-deps --no-build-isolation --editable . --editable broker
	@touch $@

$(AWS_CLI)/all: requirements/awscli.txt
	$(PYTHON) -m venv $(AWS_CLI)
	$(AWS_CLI)/$(PIP_OF) install --require-hashes --no-deps --requirement requirements/awscli.txt
	@touch $@

# The oldest versions that pyproject.toml allows.
$(VENV)/lowest: $(VENV)/all requirements/lowest.txt
	$(PIP) install --requirement requirements/lowest.txt
	@touch $@
