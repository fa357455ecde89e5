# `make demo` shows the main job, `make test` runs every check. Both make their own environment in .venv.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
NO_ASSERT_WARNING := -W "ignore:assertions not in test modules:pytest.PytestConfigWarning"
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test test-full format lint types contracts tests optimized lowest versions docs wheel lock clean

demo: $(VENV)/core
	@$(BIN)/python -m nitro_attest.demo

# --- every check, in the order in which they are cheap ---------------------------------------------------------------

test: format lint types contracts tests optimized vectors-unchanged docs wheel fuzz
	@echo "every check passed"

format: $(VENV)/all
	$(BIN)/ruff format --check

lint: $(VENV)/all
	$(BIN)/ruff check

types: $(VENV)/all
	$(BIN)/mypy
	$(BIN)/pyright

contracts: $(VENV)/all
	$(BIN)/lint-imports

tests: $(VENV)/all
	$(BIN)/pytest -n 2 --cov --cov-report=term -m "not full"

# pytest rewrites the asserts of test modules, so they count here as well; with -OO only the core's own tests, which need no docstring.
optimized: $(VENV)/all
	PYTHONOPTIMIZE=1 $(BIN)/python -m pytest -q -n 2 -m "not full" $(NO_ASSERT_WARNING) tests
	PYTHONOPTIMIZE=2 $(BIN)/python -m pytest -q -n 2 $(NO_ASSERT_WARNING) tests/unit tests/behaviour/test_captured_documents.py

docs: $(VENV)/all
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs build/docs

wheel: $(VENV)/all
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/python tests/project/check_wheel.py dist

# --- what takes longer, or other versions ------------------------------------------------------------------------------

test-full: $(VENV)/all
	$(BIN)/pytest -n 2

lowest:
	@$(MAKE) --no-print-directory VENV=.venv-lowest .venv-lowest/lowest
	.venv-lowest/bin/python -m pytest -q -n 2 -m "not full" tests

versions: $(VENV)/all
	@for v in 3.11 3.12 3.13; do \
		case "$$($(BIN)/python --version)" in "Python $$v."*) continue;; esac; \
		found=; for p in python$$v "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$v.*/bin/python$$v; do \
			"$$p" -c 'import venv' 2>/dev/null && found=$$p && break; done; \
		if [ -z "$$found" ]; then echo "Python $$v is not installed: not tested"; continue; fi; \
		$(MAKE) --no-print-directory VENV=.venv-$$v PYTHON="$$found" tests-$$v || exit 1; \
	done

tests-%: $(VENV)/all
	$(BIN)/python --version && $(BIN)/pytest -q -n 2 -m "not full" tests src

lock: $(VENV)/all
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf .venv .venv-* build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage*

# --- environments ------------------------------------------------------------------------------------------------------

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@touch $@

$(VENV)/all: pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/core $@

# The oldest versions that pyproject.toml allows.
$(VENV)/lowest: $(VENV)/all
	$(PIP) install cryptography==49.0.0 cbor2==6.2.1 typer==0.29.0 rich==14.0.0 pydantic==2.11.0 awscrt==0.36.0
	@touch $@

# --- the vectors ----------------------------------------------------------------------------------------------------------

.PHONY: vectors vectors-unchanged vectors-dist

vectors: $(VENV)/all
	PYTHONPATH=tests $(BIN)/python -m vectorgen

vectors-unchanged: vectors
	git diff --exit-code -- tests/vectors
	@test -z "$$(git status --porcelain -- tests/vectors)" || { git status --short -- tests/vectors; exit 1; }

vectors-dist: $(VENV)/all
	PYTHONPATH=tests $(BIN)/python -m vectorgen.archive dist

# --- benchmarks --------------------------------------------------------------------------------------------------------

.PHONY: bench bench-peers

bench: $(VENV)/all
	$(BIN)/python benchmarks/bench.py

bench-peers: $(VENV)/all
	$(BIN)/python benchmarks/peers.py

# --- the command line and policy files ---------------------------------------------------------------------------------

.PHONY: schema
schema: $(VENV)/all
	$(BIN)/python -c 'import json; from nitro_attest.policy_file import json_schema; print(json.dumps(json_schema(), indent=2))' > docs/policy.schema.json

.PHONY: console-examples
console-examples: $(VENV)/all
	PYTHONPATH=tests $(BIN)/python tests/unit/cli/console.py --write

# --- the evidence: fuzzing, mutation, the words in logs ------------------------------------------------------------------
# make fuzz SECONDS=60 fuzzes each target that long, make fuzz HOURS=1 shares the hours among them; crashes stay in build/fuzz.

FUZZ_TARGETS := envelope chain payload policy_file
SECONDS := 60
fuzz: SECONDS := $(if $(HOURS),$(shell expr $(HOURS) \* 3600 / $(words $(FUZZ_TARGETS))),$(SECONDS))
.PHONY: fuzz mutation texts

fuzz: $(VENV)/all
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) $(FUZZ_TARGETS)

mutation: $(VENV)/all
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/python tests/mutation/score.py

texts: $(VENV)/all
	PYTHONPATH=tests $(BIN)/python tests/golden/test_messages.py
