"""Nothing that lies in the folder where a user works is run by the processes that we start there."""

import ast
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_layering import LAYERS

from accel_bench.base.errors import PeerError
from accel_bench.base.process import run_module
from accel_bench.codegen.tasks import run_search
from accel_bench.doctor.probing import probe_apart
from accel_bench.peers import PEERS
from accel_bench.peers.environments import install
from accel_bench.peers.worker import Opened, Worker, adapter_command

# Modules that every child imports early, ours, the standard library's and others'.
NAMES = ("accel_bench", "accel_runtime", "ensurepip", "msgspec", "multiprocessing", "numpy", "pip", "typing", "venv")

# A command that starts another process as libraries do, and as `accel export --jobs 2` does.
TWO_PROCESSES = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from accel_bench.cli.app import app, main

@app.command()
def work() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as helper:
        assert helper.submit(len, "abc").result() == 3

if __name__ == "__main__":
    main(["work"])
"""


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that appears if a module of the current folder is imported; that folder is a trap."""
    sprung, folder = tmp_path / "sprung", tmp_path / "here"
    folder.mkdir()
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(sprung)!r}, 'w').close(); raise SystemExit('trapped')\n")
    with contextlib.chdir(folder):
        yield sprung


def test_the_trap_springs_where_nobody_minds(trap: Path) -> None:
    subprocess.run([sys.executable, "-m", "accel_bench.doctor.probing"], capture_output=True, check=False)

    assert trap.exists()


def test_a_provider_is_tried_without_the_current_folder(trap: Path) -> None:
    assert probe_apart("cpu").usable
    assert not trap.exists()


def test_a_search_is_run_without_the_current_folder(trap: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_search(("accel", "profiles")) == 0
    assert "mi250" in capfd.readouterr().err
    assert not trap.exists()


def test_a_scenario_is_run_without_the_current_folder(trap: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        run_module("accel_bench.scenarios.child", tmp_path), capture_output=True, check=False, input=b""
    )

    assert b"trapped" not in done.stderr
    assert not trap.exists()


def test_an_environment_is_made_without_the_current_folder(
    trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"ACCEL_PEERS": str(tmp_path / "peers"), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(PeerError, match="No matching distribution"):
        list(install(PEERS["onnxruntime-bare"]))

    assert not trap.exists()


def test_a_peer_is_run_without_the_current_folder(trap: Path, tmp_path: Path) -> None:
    command = adapter_command(Path(sys.executable), PEERS["onnxruntime-bare"].script)
    worker = Worker("onnxruntime-bare", command, log=tmp_path / "log", patience_s=60)
    try:
        with pytest.raises(PeerError, match="TypeError: Work"):
            worker.ask({"do": "open", "work": {}}, Opened)
    finally:
        worker.close()

    assert not trap.exists()


def test_what_a_library_starts_runs_without_the_current_folder(trap: Path, tmp_path: Path) -> None:
    script = tmp_path / "accel.py"
    script.write_text(TWO_PROCESSES)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)

    assert (done.returncode, done.stderr) == (0, "")
    assert not trap.exists()


def test_no_other_place_starts_a_module() -> None:
    files = [file for layer in LAYERS.values() for file in layer.rglob("*.py")]
    texts = {file.name for file in files for node in ast.walk(ast.parse(file.read_text())) if is_module_option(node)}

    assert texts == {"process.py"}


def is_module_option(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("-m", "-c")
