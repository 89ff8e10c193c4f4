# Two commands from a fresh clone: `make train` and `make test`. ARGS passes Hydra overrides on.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test test-all lint bench

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready ## make .venv with everything that training needs
train: .venv/.ready ## train, test; e.g. make train ARGS="model=bwn trainer.max_epochs=5"
	$(BIN)/python train.py model=xnor data=speech_commands $(ARGS)
test: .venv/.dev-ready ## the fast tests
	$(BIN)/python -m pytest -q $(ARGS)
test-all: .venv/.dev-ready ## the slow tests too
	$(BIN)/python -m pytest -q -m "slow or not slow" $(ARGS)
lint: .venv/.dev-ready ## format, lint, types, direction of imports
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(find cpp examples -name '*.hpp' -o -name '*.cpp' -o -name '*.h' -o -name '*.c')
bench: .venv/.dev-ready ## ratios that README and docs/results.md quote, in a quarter of an hour
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit; done

# torch first and pinned: where there is no GPU, PyPI's own Linux wheel would bring gigabytes of CUDA.
.venv/.ready: pyproject.toml
	@echo "setup 1/3: virtual environment in .venv"
	$(PYTHON) -m venv .venv
	@echo "setup 2/3: $(TORCH)"
	@if command -v nvidia-smi >/dev/null 2>&1 || \
	    ! $(BIN)/pip install --dry-run $(TORCH) 2>/dev/null | grep -qiE 'nvidia|cuda'; \
	  then set -x; $(BIN)/pip install $(TORCH); \
	  else set -x; $(BIN)/pip install --index-url $(CPU_INDEX) $(TORCH); fi
	@echo "setup 3/3: xnorkit and what it needs"
	@if command -v "$${CXX:-c++}" >/dev/null 2>&1; then set -x; $(BIN)/pip install -e .; \
	  else echo "no C++ compiler here: one comes from pip"; set -x; $(BIN)/pip install -e ".[compiler]"; fi
	@touch $@
.venv/.dev-ready: .venv/.ready
	@echo "setup: tools for tests and lint"
	$(BIN)/pip install -e ".[dev]"
	@touch $@
