"""`accel evaluate` as a user meets it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.command import accel, assert_refused

from accel_bench.records.evaluation import EvaluationRecord

TINY = ("--steps", "2", "--num-prompts", "2", "--batch", "1", "--plan", "every:1,every:2", "--forecast", "hold")


def test_evaluate_keeps_every_raw_score_and_prints_what_follows_from_them(
    bundle_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    outputs = ("--json", "-o", "record.json", "--grid", "grids")
    done = accel("evaluate", bundle_folder, "--data", data_folder, *TINY, *outputs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = msgspec.json.decode((tmp_path / "record.json").read_bytes(), type=EvaluationRecord)
    shown = json.loads(done.stdout)
    full, first, second = record.trials

    assert [each.facts.name for each in record.trials] == ["full", "every:2 k=0 hold", "every:2 k=1 hold"]
    assert msgspec.convert(shown["record"], EvaluationRecord) == record
    assert [row["name"] for row in shown["summary"]] == [each.facts.name for each in record.trials]
    assert [len(each.batch_s) for each in record.trials] == [2, 2, 2]
    assert full.scores.squared_error == (0.0, 0.0)
    assert full.scores.feature_distance == (0.0, 0.0)
    assert first.scores.squared_error != second.scores.squared_error
    assert min(first.scores.squared_error) > 0
    assert len(record.captions) == len(full.scores.emoji_clip) == 2
    assert all(caption.held_out for caption in record.captions)
    assert len(record.scorers["emoji_clip.onnx"]) == 64
    assert sorted(path.name for path in (tmp_path / "grids").iterdir()) == ["batch-0.png", "batch-1.png"]
    assert "scaled" in done.stderr
    assert "random weights" not in done.stderr


def test_evaluate_prints_a_table_that_says_when_it_means_nothing(
    bundle_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    manifest = (bundle / "accel.json").read_text()
    (bundle / "accel.json.sha256").unlink(missing_ok=True)
    (bundle / "accel.json").write_text(manifest.replace('"weights": "trained"', '"weights": "random"'))
    done = accel("evaluate", "bundle", "--data", data_folder, *TINY, "--branch", "1", "--markdown", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]

    assert done.stdout.startswith("RANDOM WEIGHTS, all scores are meaningless")
    assert [row.split("|")[1].strip() for row in rows] == ["plan", "---", "full", "every:2"]
    assert "emoji-clip" in rows[0]
    assert "random weights" in done.stderr
    assert os.listdir(tmp_path) == ["bundle"]


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "branch that the bundle lacks": (("--branch", "0,9"), "branch 9 is not in the bundle"),
    "branch that is no number": (("--branch", "zero"), "--branch: expected numbers"),
    "unknown forecast": (("--forecast", "cubic"), "forecast: expected one of hold"),
    "plan that means nothing": (("--plan", "every:2,sometimes"), "plan 'sometimes'"),
    "plan that starts shallow": (("--plan", "calls:1"), "first call must be deep"),
    "unknown scheduler": (("--scheduler", "magic"), "scheduler 'magic'"),
    "no steps": (("--steps", "0"), "steps"),
    "no prompts": (("--num-prompts", "0"), "prompts: expected 1 to 8"),
    "more prompts than are held out": (("--num-prompts", "64"), "prompts: expected 1 to 8"),
    "prompts that do not divide": (("--num-prompts", "3", "--batch", "2"), "multiple of the batch, 2, got 3"),
    "no batch": (("--batch", "0"), "batch: expected 1 or more"),
    "negative seed": (("--seed", "-1"), "seed: expected 0 or more"),
    "output that exists": (("-o", "here.json"), "--force"),
    "grid that is a file": (("--grid", "here.json"), "expected a folder"),
    "two forms at once": (("--json", "--markdown"), "choose one"),
    "no captions": (("--data", "."), "captions.json: missing"),
    "captions without a scorer": (("--data", "half"), "emoji_clip.onnx: missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_evaluation_that_cannot_be_done_is_refused_in_one_line(
    bundle_folder: Path, data_folder: Path, tmp_path: Path, name: str
) -> None:
    arguments, message = BAD[name]
    (tmp_path / "here.json").write_text("precious")
    (tmp_path / "half").mkdir()
    shutil.copy(data_folder / "captions.json", tmp_path / "half")
    done = accel("evaluate", bundle_folder, "--data", data_folder, *TINY, *arguments, cwd=tmp_path)

    assert_refused(done, message, code=2)
    assert sorted(os.listdir(tmp_path)) == ["half", "here.json"]
    assert (tmp_path / "here.json").read_text() == "precious"


def test_without_its_extra_the_command_says_what_to_install(
    bundle_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    # A module of None in sys.modules is one that cannot be imported.
    code = "import sys; sys.modules['efficientnet_lite_pytorch'] = None\n"
    code += "from accel_bench.cli.app import main; main(sys.argv[1:])"
    arguments = ["evaluate", str(bundle_folder), "--data", str(data_folder), *TINY]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "accel: efficientnet_lite_pytorch is not installed: run `pip install 'accel-sd[quality]'`\n"


def test_it_explains_itself_without_torch(tmp_path: Path) -> None:
    modules = "accel_bench.cli.app, accel_bench.evaluation.run, accel_bench.evaluation.summary"
    code = f"import sys, {modules}\n"
    code += "print(sorted({'torch', 'skimage', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
    assert "Usage:" in accel("evaluate", "--help", cwd=tmp_path).stdout
