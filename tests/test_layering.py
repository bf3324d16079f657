"""The arrows training → bench → exporter → runtime, and what each layer may import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "runtime": ROOT / "runtime" / "accel_runtime",
    "exporter": ROOT / "exporter" / "accel_exporter",
    "bench": ROOT / "bench" / "accel_bench",
}
ALLOWED_IN_RUNTIME = {"accel_runtime", "msgspec", "numpy", "onnxruntime", "safetensors", "tokenizers"}


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
                names = [node.module or ""]
            yield from ((file.name, name.partition(".")[0]) for name in names)


def test_the_runtime_imports_only_itself_and_its_few_dependencies() -> None:
    foreign = {
        name for _, name in imported(LAYERS["runtime"]) if name not in sys.stdlib_module_names | ALLOWED_IN_RUNTIME
    }

    assert foreign == set()


def test_the_exporter_does_not_know_the_bench() -> None:
    assert "accel_bench" not in {name for _, name in imported(LAYERS["exporter"])}


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_that_ships_knows_the_training(layer: str) -> None:
    assert "accel_training" not in {name for _, name in imported(LAYERS[layer])}


def test_only_what_exports_or_compiles_schedules_knows_the_exporter() -> None:
    files = {file for file, name in imported(LAYERS["bench"]) if name == "accel_exporter"}

    assert files == {"export.py", "schedulers.py", "schedules.py"}


@pytest.mark.parametrize("module", ["accel_runtime", "accel_bench.cli"])
def test_importing_the_runtime_or_the_command_brings_no_torch(module: str) -> None:
    heavy = "{'torch', 'diffusers', 'transformers', 'onnx'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
