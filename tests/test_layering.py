"""The arrows between the packages, what each layer may import, and the floors of runtime, service and bench."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "runtime": ROOT / "runtime" / "accel_runtime",
    "exporter": ROOT / "exporter" / "accel_exporter",
    "serve": ROOT / "serve" / "accel_serve",
    "bench": ROOT / "bench" / "accel_bench",
}
ALLOWED_IN_RUNTIME = {"accel_runtime", "msgspec", "numpy", "onnxruntime", "openvino", "safetensors", "tokenizers"}
ALLOWED_IN_ENGINE = {"accel_runtime", "accel_serve", "numpy"}
ALLOWED_IN_HTTP = {"PIL", "msgspec", "prometheus_client", "starlette", "uvicorn"}
TORCH_IN_RUNTIME = "inductor.py"


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.ImportFrom) or node.level == 0, f"{file}: relative import"
            yield from ((file.name, name) for name in names_of(node))


# The floors of a layer, the ground first. A folder imports itself and lower floors alone.
FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "runtime": (
        ("printable",),
        ("errors",),
        ("base", "durable"),
        ("manifest", "schedules"),
        ("backends", "text"),
        ("request",),
        ("plans",),
        ("bundle",),
        ("denoising",),
        ("pipeline",),
    ),
    "serve": (
        ("errors",),
        ("engine",),
        ("http",),
        ("on_ray",),
    ),
    "bench": (
        ("base",),
        ("records", "bundle_cache", "images"),
        ("plans", "quality", "doctor", "cluster"),
        ("timing", "profiles", "scenarios", "jobs"),
        ("evaluation", "peers", "codegen"),
        ("benchmark",),
        ("replay", "trace"),
        ("solving",),
        ("search",),
        ("doubts",),
        ("report",),
        ("cli",),
    ),
}


def names_of(node: ast.AST) -> list[str]:
    """The packages that a statement imports."""
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return [alias.name.partition(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []


def test_the_runtime_imports_only_itself_and_its_few_dependencies() -> None:
    allowed = sys.stdlib_module_names | ALLOWED_IN_RUNTIME
    foreign = {(file, name) for file, name in imported(LAYERS["runtime"]) if name not in allowed}

    assert foreign == {(TORCH_IN_RUNTIME, "torch")}


def test_one_file_of_the_runtime_brings_torch_and_only_when_it_is_used() -> None:
    (file,) = LAYERS["runtime"].rglob(TORCH_IN_RUNTIME)
    at_import = {name for node in ast.parse(file.read_text()).body for name in names_of(node)}

    assert at_import.isdisjoint({"torch", "safetensors"})
    assert [path for path in LAYERS["runtime"].rglob("*.py") if "safetensors.torch" in path.read_text()] == [file]


def test_the_exporter_does_not_know_the_bench() -> None:
    assert "accel_bench" not in {name for _, name in imported(LAYERS["exporter"])}


def test_the_service_knows_the_runtime_alone_and_its_engine_no_http() -> None:
    engine = {name for _, name in imported(LAYERS["serve"] / "engine")} - sys.stdlib_module_names
    http = {name for _, name in imported(LAYERS["serve"] / "http")} - sys.stdlib_module_names

    assert engine <= ALLOWED_IN_ENGINE
    assert http <= ALLOWED_IN_ENGINE | ALLOWED_IN_HTTP


def test_only_the_serve_command_knows_the_service() -> None:
    others = [layer for layer in LAYERS if layer not in ("serve", "bench")]

    assert {file for file, name in imported(LAYERS["bench"]) if name == "accel_serve"} == {"serve.py"}
    assert "accel_serve" not in {name for layer in others for _, name in imported(LAYERS[layer])}


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_that_ships_knows_the_training(layer: str) -> None:
    assert "accel_training" not in {name for _, name in imported(LAYERS[layer])}


def test_only_what_exports_or_asks_for_names_and_schedules_knows_the_exporter() -> None:
    files = {file for file, name in imported(LAYERS["bench"]) if name == "accel_exporter"}

    assert files == {
        "bundle_cache.py",
        "settings.py",
        "export.py",
        "find_schedule.py",
        "schedulers.py",
        "schedules.py",
        "weights.py",
    }


def rooms(layer: str) -> set[str]:
    """The folders of a layer, and the modules beside them."""
    inside = [path for path in LAYERS[layer].iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return {path.stem for path in inside} - {"__init__", "__main__"}


def imports_between_rooms(layer: str) -> Iterator[tuple[str, str, str]]:
    """Each import from one room of a layer to another: the room, the one that it imports, and the file."""
    for file in sorted(LAYERS[layer].rglob("*.py")):
        here = file.relative_to(LAYERS[layer]).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text())):
            for there in rooms_of(node, package=LAYERS[layer].name) - {here}:
                yield here, there, str(file.relative_to(ROOT))


def rooms_of(node: ast.AST, *, package: str) -> set[str]:
    """The rooms of a package that a statement imports."""
    if isinstance(node, ast.ImportFrom):
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return {parts[1] for parts in (module.split(".") for module in modules) if parts[0] == package and parts[1:]}


@pytest.mark.parametrize("layer", FLOORS)
def test_every_room_is_on_one_floor(layer: str) -> None:
    on_floors = [room for floor in FLOORS[layer] for room in floor]

    assert sorted(on_floors) == sorted(rooms(layer))


@pytest.mark.parametrize("layer", FLOORS)
def test_a_room_imports_lower_floors_alone_so_no_rooms_form_a_cycle(layer: str) -> None:
    height = {room: number for number, floor in enumerate(FLOORS[layer]) for room in floor}
    wrong = [
        f"{file}: {here} (floor {height[here]}) imports {there} (floor {height[there]})"
        for here, there, file in imports_between_rooms(layer)
        if here not in ("__init__", "__main__") and height[there] >= height[here]
    ]

    assert wrong == []


@pytest.mark.parametrize("module", ["accel_runtime", "accel_bench.cli.app"])
def test_importing_the_runtime_or_the_command_brings_no_torch(module: str) -> None:
    heavy = "{'torch', 'diffusers', 'transformers', 'onnx'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


RENAMING = {("os", name) for name in ("rename", "renames", "replace", "fsync", "link")} | {("shutil", "move")}


@pytest.mark.parametrize("layer", [*LAYERS, "training"])
def test_files_are_put_in_place_by_one_module_alone(layer: str) -> None:
    folder = LAYERS.get(layer, ROOT / "training" / "accel_training")
    files = [file for file in folder.rglob("*.py") if renames(ast.parse(file.read_text()))]

    assert {file.relative_to(folder).parts[0] for file in files} == ({"durable"} if layer == "runtime" else set())


def renames(tree: ast.AST) -> bool:
    """Whether a module renames, syncs, or names something that is half-written."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any(map(is_rename, calls)) or any(".partial" in text for text in texts)


def is_rename(call: ast.Call) -> bool:
    """Of `os` and `shutil`, or of a path: that of a text has two arguments, that of a struct has keywords."""
    assert isinstance(call.func, ast.Attribute)
    owner = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
    is_paths = call.func.attr in ("rename", "replace") and len(call.args) == 1 and not call.keywords
    return (owner, call.func.attr) in RENAMING or is_paths


def test_one_file_names_graphs_and_all_others_find_them_by_their_roles() -> None:
    fixed = re.compile(r"""["'](unet_(deep|shallow)|feature_[0-9{]*["'])""")
    files = {file.name for layer in LAYERS.values() for file in layer.rglob("*.py") if fixed.search(file.read_text())}

    # What an export writes, and what the graphs of older records were called.
    assert files == {"names.py", "older.py"}
