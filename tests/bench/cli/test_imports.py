"""What the commands import: those that need no torch run where there is none."""

import subprocess
import sys
from pathlib import Path

from tests.bench.records.made import bench_record

from accel_bench.base.files import write_record

# Runs each argument as a command line, in a Python that has no torch and nothing that brings it.
_WITHOUT_TORCH = """
import sys
for name in ("torch", "diffusers", "transformers", "onnx", "onnxscript"):
    sys.modules[name] = None
from accel_bench.cli.app import main
for line in sys.argv[1:]:
    try:
        main(line.split(" "))
    except SystemExit as end:
        assert not end.code, line
"""


def test_commands_that_neither_export_nor_score_run_without_torch(bundle_folder: Path, tmp_path: Path) -> None:
    write_record(tmp_path / "record.json", bench_record())
    lines = (
        f"inspect {bundle_folder}",
        f"verify {bundle_folder}",
        f"schedulers {bundle_folder}",
        f"generate {bundle_folder} cat --steps 2 --scheduler ddim",
        f"bench {bundle_folder} --steps 2 --scheduler ddim --plan calls:0 --rounds 1 --trace trace.json",
        "bench compare record.json record.json",
        "bench report record.json",
        "bench trace record.json -o other.json",
        "profiles",
        "codegen --profile a100 --config sd15-b1-every3",
        "peers",
        "doctor --provider cpu",
    )

    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, *lines], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
