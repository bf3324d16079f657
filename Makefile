# Every target does all of its own set-up. CI runs `ci`; `train` makes the built-in model again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TO_TEST := $(VENV)/.ready-to-test
INSTALL := -m pip install --quiet --constraint constraints.txt
DEMO := build/demo

.PHONY: demo test lint types wheel-test train parity schedules ci clean

demo: $(READY)
	@mkdir -p $(DEMO)
	@rm -rf $(DEMO)/tiny $(DEMO)/record.json $(DEMO)/image.png
	$(BIN)/accel export --output $(DEMO)/tiny
	$(BIN)/accel inspect $(DEMO)/tiny
	$(BIN)/accel bench $(DEMO)/tiny --steps 20 --rounds 5 --output $(DEMO)/record.json
	$(BIN)/accel generate $(DEMO)/tiny "red apple on a blue background" --guidance 4 --plan every:3 --forecast linear --output $(DEMO)/image.png
	@echo "image:  $(DEMO)/image.png"
	@echo "record: $(DEMO)/record.json"

test: $(READY_TO_TEST)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY_TO_TEST)
	$(BIN)/mypy

wheel-test: $(READY)
	sh scripts/test-wheel.sh $(BIN)/python

train: $(READY_TO_TEST)
	$(BIN)/python -m accel_training

parity: $(READY_TO_TEST)
	$(BIN)/python -m tests.parity docs/parity.md

schedules: $(READY) # compares the tables that the package brings with what is compiled now; `ship` without --check makes them anew
	$(BIN)/python -m accel_exporter.schedules.ship --check

ci: lint types test wheel-test

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python $(INSTALL) --editable ".[export]" --group dev
	@touch $@

$(READY_TO_TEST): $(READY)
	$(BIN)/python $(INSTALL) --editable ".[training]"
	@touch $@

clean:
	rm -rf $(VENV) build dist
