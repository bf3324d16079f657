"""`accel bench report`, as an app of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tests.bench.report.records import bench_record, evaluation_record
from tests.bench.report.search_records import search_record
from typer.testing import CliRunner

from accel_bench.base.files import write_record
from accel_bench.cli.bench.report import report
from accel_runtime.errors import InputError

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(report)


@pytest.fixture
def record_file(tmp_path: Path) -> Path:
    path = tmp_path / "record.json"
    write_record(path, bench_record())
    return path


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_records_become_one_page(record_file: Path, tmp_path: Path) -> None:
    other, page = tmp_path / "evaluation.json", tmp_path / "page.html"
    write_record(other, evaluation_record())

    said = run(record_file, other, "-o", page, "--title", "Our figures")

    text = page.read_text(encoding="utf-8")
    assert said == f"{page}\n"
    assert "<h1>Our figures</h1>" in text
    assert text.count('<section class="record"') == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_search_and_its_finalists_become_one_page(record_file: Path, tmp_path: Path) -> None:
    found, page = tmp_path / "search.json", tmp_path / "page.html"
    write_record(found, search_record(finalists=bench_record().id))

    run(found, record_file, "-o", page)

    text = page.read_text(encoding="utf-8")
    assert text.count('<section class="record"') == 2
    assert "Goal met" in text
    assert "Pictures of the finalists" in text


def test_a_page_is_replaced_only_by_force(record_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")

    with pytest.raises(InputError, match="--force"):
        run(record_file, "-o", page)
    assert page.read_text() == "mine"
    run(record_file, "-o", page, "--force")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("content", "message"),
    [("no json", "JSON is malformed"), ('{"kind": "poem", "format": 1}', "got poem 1"), (None, "cannot be read")],
)
def test_what_is_no_record_is_refused_and_nothing_is_written(tmp_path: Path, content: str | None, message: str) -> None:
    record = tmp_path / "record.json"
    if content is not None:
        record.write_text(content)

    with pytest.raises(InputError, match=message):
        run(record, "-o", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_without_the_extra_the_error_names_it(record_file: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from pathlib import Path\n"
        "from accel_bench.cli.bench.report import report\n"
        "from accel_runtime.errors import MissingExtraError\n"
        "try: report([Path(sys.argv[1])], output=Path(sys.argv[2]))\n"
        "except MissingExtraError as error: print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, record_file, tmp_path / "page.html"], capture_output=True, text=True, check=True
    )

    assert done.stdout == "jinja2 is not installed: run `pip install 'accel-sd[report]'`\n"
