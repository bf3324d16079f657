"""Whatever is stopped at whichever of its system calls: the old or the new is there, and the next run tidies up."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np
import pytest
from tests.robustness.faults import Ended, Fault, needs_tracing, run, until_unstopped

from accel_bench.base.files import write_record
from accel_bench.records.evaluation import Scores
from accel_bench.search.space import FULL
from accel_bench.search.store import Entry, Identity, Store
from accel_bench.search.strategies.journal import Journal
from accel_exporter.schedules import add_tables, compile_for
from accel_exporter.staging import staged_folder
from accel_runtime.bundle.bundle import read_bundle, write_manifest
from accel_runtime.bundle.named_plans import BundlePlans, add_plan
from accel_runtime.durable import is_hidden_sibling, put_aside
from accel_runtime.manifest import Manifest, read_manifest
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.file import ScheduleFile

pytestmark = needs_tracing

KILLED_OR_FULL: Final = pytest.mark.parametrize("fault", [Fault(), Fault(how="full")], ids=["killed", "full"])
FAULTS_OF_FOLDERS: Final = {
    "killed": Fault(),
    "full": Fault(how="full"),
    "killed, old kernel": Fault(old_kernel=True),
    "full, old kernel": Fault(how="full", old_kernel=True),
}


Step = Callable[[Path], object]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder in memory where there is such a thing: to wait for a disk hundreds of times tells nothing more."""
    memory = Path("/dev/shm")  # noqa: S108  # a random name below it
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is stopped.

    Attributes:
        state: Reads what is there and fails if that is not whole.
        steps: Its parts, each of which is done wholly or not at all; to do one again is the same as to do it once.
        copy: How files are copied; links do for what never writes to a file that is there.
    """

    state: Callable[[Path], object]
    steps: tuple[Step, ...]
    copy: Callable[[str, str], object] = os.link

    def work(self, folder: Path) -> None:
        for step in self.steps:
            step(folder)


def assert_sound(operation: Operation, old: Path, fault: Fault) -> None:
    """Stop the operation at each of its calls, on copies of the folder ``old``; see the module's docstring."""
    states = [operation.state(old)]
    whole = Path(shutil.copytree(old, old.with_name("whole"), copy_function=operation.copy))
    for step in operation.steps:
        step(whole)
        states.append(operation.state(whole))
        assert states[-1] != states[-2]

    def stopped(fault: Fault) -> Ended:
        here = Path(shutil.copytree(old, old.with_name(str(fault.stop_at)), copy_function=operation.copy))
        ended = run(lambda: operation.work(here), fault)
        found = operation.state(here)
        assert found in states
        if fault.how == "full":
            assert hidden(here) == []
            assert found == states[-1] or "no space left" in ended.refusal
        operation.work(here)
        assert operation.state(here) == states[-1]
        assert hidden(here) == []
        shutil.rmtree(here)
        return ended

    assert len(list(until_unstopped(stopped, fault))) > 5


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if is_hidden_sibling(path.name)]


def contents(folder: Path) -> dict[str, bytes]:
    """Of all files but hidden ones."""
    found = (path for path in folder.rglob("*") if path.is_file() and not is_hidden_sibling(path.name))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


class Record(msgspec.Struct):
    """Some record."""

    samples: tuple[float, ...]


@KILLED_OR_FULL
def test_a_record_is_the_old_or_the_new_one(scratch: Path, fault: Fault) -> None:
    old = scratch / "old"
    old.mkdir()
    write_record(old / "record.json", Record((1.0,)))
    new = Record((2.0,) * 3000)

    def read(folder: Path) -> Record:
        return msgspec.json.decode((folder / "record.json").read_bytes(), type=Record)

    assert_sound(Operation(read, (lambda folder: write_record(folder / "record.json", new),)), old, fault)


@pytest.mark.parametrize("name", FAULTS_OF_FOLDERS)
def test_an_export_over_a_bundle_leaves_the_old_or_the_new_one(bundle_folder: Path, scratch: Path, name: str) -> None:
    manifest = read_manifest(bundle_folder)
    old = scratch / "old"
    export(old, manifest, text="old")

    operation = Operation(exported, (lambda folder: export(folder, manifest, text="new"),))
    assert_sound(operation, old, FAULTS_OF_FOLDERS[name])


def test_a_new_export_is_there_wholly_or_not_at_all(bundle_folder: Path, scratch: Path) -> None:
    manifest = read_manifest(bundle_folder)
    old = scratch / "old"
    old.mkdir()

    assert_sound(Operation(exported, (lambda folder: export(folder, manifest, text="new"),)), old, Fault())


def export(folder: Path, manifest: Manifest, *, text: str) -> None:
    """Some files of a bundle, and its manifest, written as an export writes them."""
    with staged_folder(folder / "bundle", force=True) as staged:
        (staged / "unet").mkdir()
        (staged / "unet" / "model.onnx").write_text(text)
        write_manifest(staged, manifest)


def exported(folder: Path) -> dict[str, bytes] | None:
    """What the bundle holds; on an old kernel it may wait to be put back."""
    bundle = folder / "bundle"
    place = bundle if bundle.exists() else put_aside(bundle)
    return None if place is None else contents(place)


@KILLED_OR_FULL
def test_a_bundle_that_gets_schedules_has_the_old_or_the_new_ones(
    bundle_folder: Path, scratch: Path, fault: Fault
) -> None:
    bundle = Path(shutil.copytree(bundle_folder, scratch / "old" / "bundle"))
    write_manifest(bundle, read_manifest(bundle))
    opened = read_bundle(bundle)
    compiled = compile_for(opened, "ddim", steps=[23])
    assert compiled.metadata  # found out here once, instead of in every copy of the process

    def add(folder: Path) -> None:
        add_tables(replace(opened, folder=folder / "bundle"), compiled)

    assert_sound(Operation(step_counts, (add,)), bundle.parent, fault)


def step_counts(folder: Path) -> str:
    """Of a scheduler in a bundle whose files all hold, as does its manifest's digest."""
    bundle = read_bundle(folder / "bundle")
    assert bundle.digest in (bundle.folder / "accel.json.sha256").read_text()
    return ScheduleFile.open(bundle.path(bundle.manifest.schedules.files["ddim"])).step_ranges()


def test_a_bundle_that_gets_a_plan_has_it_or_not(bundle_folder: Path, scratch: Path) -> None:
    bundle = Path(shutil.copytree(bundle_folder, scratch / "old" / "bundle"))
    write_manifest(bundle, read_manifest(bundle))

    def add(folder: Path) -> None:
        add_plan(folder / "bundle", "fast", PlanSpec(deep=(0, 2), scheduler="ddim", steps=4))

    # A full disk is told of as for schedules: the same code writes both.
    assert_sound(Operation(plans_of_bundle, (add,)), bundle.parent, Fault())


def plans_of_bundle(folder: Path) -> dict[str, PlanSpec]:
    """Of a bundle whose files all hold, as does its manifest's digest."""
    bundle = read_bundle(folder / "bundle")
    assert bundle.digest in (bundle.folder / "accel.json.sha256").read_text()
    plans = BundlePlans.read(bundle)
    return {name: plans.plan(name) for name in plans.names}


IDENTITY: Final = Identity("digest", "cpu", "here", "ddim", 6, 7.5, "prompts", seed=0, batch=1, scorers={}, version=2)
SCORES: Final = Scores((1.0,), (0.5,), (0.1,), (30.0,), (True,))


@KILLED_OR_FULL
def test_a_search_keeps_each_result_or_not_and_goes_on(scratch: Path, fault: Fault) -> None:
    old = scratch / "old"
    old.mkdir()
    pictures = np.zeros((1, 64, 64, 3), np.uint8)
    steps: tuple[Step, ...] = (
        lambda folder: Store.open(folder, IDENTITY),
        lambda folder: Store(folder).keep_reference(0, pictures),
        lambda folder: Store(folder).keep(Entry(FULL, (SCORES,))),
    )

    assert_sound(Operation(read_search, steps), old, fault)


def read_search(folder: Path) -> dict[str, bytes]:
    """All files, after they were read as what they are."""
    store = Store(folder)
    assert store.reference(0) is None or store.reference(0) is not None
    assert all(entry.candidate == FULL for entry in store.entries())
    return contents(folder)


@KILLED_OR_FULL
def test_a_journal_takes_all_lines_of_an_entry_or_none(scratch: Path, fault: Fault) -> None:
    old = scratch / "old"
    old.mkdir()
    journal = Journal(old / "optuna.log")
    journal.append_logs([{"op_code": 0}])
    lines = [{"op_code": 4, "trial": number} for number in range(200)]

    def append(folder: Path) -> None:
        again = Journal(folder / "optuna.log")
        if len(list(again.read_logs(0))) == 1:
            again.append_logs(lines)
        again.append_logs([])

    def read(folder: Path) -> list[object]:
        return list(Journal(folder / "optuna.log").read_logs(0))

    assert_sound(Operation(read, (append,), shutil.copy), old, fault)
