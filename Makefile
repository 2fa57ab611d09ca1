# Two commands that each do all of their own set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test check build sweep bench docs clean

demo: $(READY)
	$(BIN)/xorkit demo

test: $(READY) $(VENV)/browser check
	$(BIN)/pytest -n 2 --dist loadfile

# The quick half of `make test`: style and types.
check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Source to release, with every promise of the course checked.
build: $(READY)
	$(BIN)/xorkit build xor

# Everything that is too long for `make test`.
sweep: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile --sweep
	$(BIN)/python bench/judge_table.py

bench: $(READY)
	for what in judge sandbox intake report grading; do $(BIN)/python bench/$$what.py || exit 1; done

docs: $(READY)
	$(BIN)/mkdocs build --strict

# Made anew whenever a dependency changes; a second `make` starts in a moment.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cluster]'
	touch $@

# Browser tests need a Chromium: the system's, or Debian's where we may install it. Without one they
# are skipped, and say so.
$(VENV)/browser: $(READY)
	command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "No Chromium here: the browser tests will be skipped."
	touch $@

clean:
	rm -rf $(VENV) demo site build
