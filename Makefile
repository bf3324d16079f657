# Every target does all of its own set-up. CI runs `ci`; `train` makes the built-in model again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TO_TEST := $(VENV)/.ready-to-test
INSTALL := -m pip install --quiet --constraint constraints.txt
DEMO := build/demo

# As many as there are processors, up to four: each holds torch and a few models, about 2 GB.
WORKERS ?= logical
SHARED := --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal

# ONNX Runtime with WebGPU owns the folder of every other build, so it has an environment of its own.
GPU_BIN := .venv-gpu/bin
GPU_READY := .venv-gpu/.ready
GPU_PACKAGES := onnxruntime-webgpu==1.27.0 onnxruntime-ep-openvino==1.8.1 onnx pytest

FUZZ ?=
CPP_FUZZ ?=

.PHONY: demo environment test test-slow cpp cpp-sanitize cpp-fuzz gpu-test fuzz lint types wheel-test train parity schedules ci clean

demo: $(READY)
	@mkdir -p $(DEMO)
	@rm -rf $(DEMO)/tiny $(DEMO)/record.json $(DEMO)/image.png
	$(BIN)/accel export --output $(DEMO)/tiny
	$(BIN)/accel inspect $(DEMO)/tiny
	$(BIN)/accel bench $(DEMO)/tiny --steps 20 --rounds 5 --output $(DEMO)/record.json
	$(BIN)/accel generate $(DEMO)/tiny "red apple on a blue background" --plan fast --output $(DEMO)/image.png
	@echo "image:  $(DEMO)/image.png"
	@echo "record: $(DEMO)/record.json"

environment: $(READY_TO_TEST)

# CONTRIBUTING.md tells how to run one test, and where the tests keep the bundles that they share.
test: $(READY_TO_TEST)
	$(BIN)/python -m pytest $(SHARED) --ignore tests/cpp

# All that `test` leaves out.
test-slow: $(READY_TO_TEST)
	$(BIN)/python -m pytest $(SHARED) -m slow

# libaccel (docs/cpp.md): builds it and compares it with the Python runtime. `test` leaves tests/cpp out, as this has it.
cpp: $(READY_TO_TEST)
	$(BIN)/python -m pytest $(SHARED) tests/cpp

# The same programs under AddressSanitizer and UndefinedBehaviorSanitizer, then under ThreadSanitizer, and 1,000 changed bundles.
cpp-sanitize: $(READY_TO_TEST)
	sh scripts/sanitize-cpp.sh $(BIN)/python

# libFuzzer on what libaccel reads, for hours (docs/fuzzing.md): RUNS=100000 CPP_FUZZ="plan onnx" asks for less.
cpp-fuzz: $(READY_TO_TEST)
	sh scripts/fuzz-cpp.sh $(BIN)/python $(CPP_FUZZ)

# On a GPU where there is one, else on SwiftShader, a software GPU that comes with Chromium.
gpu-test: $(READY_TO_TEST) $(GPU_READY)
	sh scripts/with-software-gpu.sh env ACCEL_GPU_BUNDLES="$$($(BIN)/python -m tests.gpu_bundles)" \
		$(GPU_BIN)/python -m pytest --confcutdir tests/gpu tests/gpu

# Changed inputs of every format (docs/fuzzing.md): FUZZ="--format manifest --seed 7" asks for others.
fuzz: $(READY_TO_TEST)
	$(BIN)/python -m tests.fuzz $(FUZZ)

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
	$(BIN)/python -m tests.parity.family_page docs/parity-families.md

schedules: $(READY) # compares the tables that the package brings with what is compiled now; `ship` without --check makes them anew
	$(BIN)/python -m accel_exporter.schedules.ship --check

ci: environment lint types wheel-test test cpp gpu-test

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(INSTALL) --editable ".[export]" --group dev
	@touch $@

# More than READY, so who makes this first installs once.
$(READY_TO_TEST): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(INSTALL) --editable ".[training,serve]" --group dev
	@touch $(READY) $@

$(GPU_READY): pyproject.toml constraints.txt Makefile
	$(PYTHON) -m venv .venv-gpu
	$(GPU_BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(GPU_BIN)/python $(INSTALL) --editable . $(GPU_PACKAGES)
	@touch $@

clean:
	rm -rf $(VENV) .venv-gpu build dist
