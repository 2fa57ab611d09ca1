# Two commands that each do all of their own set-up: `make demo` and `make test`.
PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt # empty: the newest versions that pyproject.toml allows
PIP_EXTRA ?= # more options for pip, such as an index that has PyTorch for the CPU alone
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# The folders with the longest tests come first by name: kept in order, both cores end together.
BOTH_CORES := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.DEFAULT_GOAL := help
.PHONY: help demo test check coverage build sweep bench docs clean

help: ## What there is to make
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) ## Grade a sample class; says where to look
	$(BIN)/xorkit demo

test: $(READY) $(VENV)/browser check ## Everything that CI runs: style, types, tests
	$(BIN)/pytest $(BOTH_CORES)

check: $(READY) ## The quick half of `make test`: style, types, workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --quiet --offline --no-progress .github

coverage: $(READY) ## Which lines the tests of `make test` run
	$(BIN)/pytest $(BOTH_CORES) -q --cov

build: $(READY) ## Source to release, with every promise of the course checked
	$(BIN)/xorkit build xor

sweep: $(READY) ## The tests that are too long for `make test`
	$(BIN)/pytest $(BOTH_CORES) --sweep
	$(BIN)/python bench/judge_sweep.py
	$(BIN)/python bench/judge_table.py

bench: $(READY) ## Speeds, as ratios measured in one run
	for what in judge sandbox intake report commands grading; do $(BIN)/python bench/$$what.py || exit 1; done

docs: $(READY) ## The documentation as pages, in site/
	$(BIN)/mkdocs build --strict

clean: ## Remove what the targets above have made
	rm -rf $(VENV) demo site build dist

# Made anew whenever a dependency changes; a second `make` starts in a moment.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_EXTRA) $(CONSTRAINTS) -e '.[dev,cluster]'
	$(BIN)/python -m compileall -q src # as pip does with a wheel: where Python writes none, each start compiled it all
	touch $@

# Browser tests need a Chromium: the system's, or Debian's where we may install it. Without one they
# are skipped, and say so.
$(VENV)/browser: $(READY)
	command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "No Chromium here: the browser tests will be skipped."
	touch $@
