# `make demo` and `make test` do all of their own set-up; the other targets are what CI adds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := build/demo

.PHONY: demo test lint types wheel-test ci clean

demo: $(READY)
	@mkdir -p $(DEMO)
	@rm -rf $(DEMO)/tiny $(DEMO)/record.json $(DEMO)/image.png
	$(BIN)/accel export tiny --weights random --output $(DEMO)/tiny
	$(BIN)/accel inspect $(DEMO)/tiny
	$(BIN)/accel bench $(DEMO)/tiny --steps 20 --rounds 5 --output $(DEMO)/record.json
	$(BIN)/accel generate $(DEMO)/tiny "a squirrel" --plan every:3 --forecast linear --output $(DEMO)/image.png
	@echo "image:  $(DEMO)/image.png"
	@echo "record: $(DEMO)/record.json"

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

wheel-test: $(READY)
	sh scripts/test-wheel.sh $(BIN)/python

ci: lint types test wheel-test

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[export]" --group dev
	@touch $@

clean:
	rm -rf $(VENV) build dist
