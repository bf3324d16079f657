"""Two nodes of Ray's on this machine do what this process does."""

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from ray.cluster_utils import Cluster
from tests.bench.cluster.killing import Killer, check, job, two_nodes
from tests.command import accel, accel_process, assert_refused

from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import read_record
from accel_runtime.bundle.bundle import read_bundle

FEW = ("--steps", "2", "--scheduler", "ddim", "--plan", "every:2", "--batch", "2")
SEARCH = (
    *("--steps", "6", "--num-prompts", "4", "--batch", "2", "--calibration", "4", "--rounds", "1", "--moves", "2"),
    *("--score", "psnr", "--req-score-loss", "0.9"),
)


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("received")


@pytest.fixture(scope="module")
def cluster(received: Path) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCEL_RECEIVED", str(received))
        patch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path.cwd())]))
        with two_nodes() as nodes:
            yield nodes


def test_a_job_on_two_nodes_that_lack_the_bundle_is_this_process_job(
    cluster: Cluster, received: Path, bundle_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "prompts").write_text("a cat\nan owl\na dog\na fox\na hen\n")
    (tmp_path / "bundle").symlink_to(bundle_folder)
    here = accel("generate", bundle_folder, "--prompts", "prompts", *FEW, "-o", "here", cwd=tmp_path)
    assert here.returncode == 0, here.stderr

    # Each process has a folder of its own under this name, and the nodes were started elsewhere.
    words = ("generate", "/proc/self/cwd/bundle", "--prompts", "prompts", *FEW, "-o", "there")
    there = accel_process(*words, "--ray", cluster.address, cwd=tmp_path)

    assert there.returncode == 0, there.stderr
    assert check(tmp_path / "there", pictures=5) == check(tmp_path / "here", pictures=5)
    assert [path.name for path in received.iterdir()] == [read_bundle(bundle_folder).digest]


def test_a_load_is_drawn_by_as_many_workers_as_it_asks_for(
    cluster: Cluster, bundle_folder: Path, tmp_path: Path
) -> None:
    load = ("--scenario", "offline", "--batch", "2", "--queries", "12", "--workers", "1,2", "--steps", "2")
    words = ("bench", "scenario", bundle_folder, *load, "-o", "record.json", "--ray", cluster.address)

    done = accel_process(*words, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "record.json")
    assert isinstance(record, ScenarioRecord)
    assert [(run.load.workers, len(run.nodes)) for run in record.runs] == [(1, 1), (2, 2)]
    for run in record.runs:
        assert sorted({query.worker for query in run.queries}) == list(range(len(run.nodes)))
        assert len(run.queries) == 12
        assert set(Counter(query.batch for query in run.queries).values()) == {2}


def test_more_workers_than_the_cluster_has_are_refused(cluster: Cluster, bundle_folder: Path, tmp_path: Path) -> None:
    words = ("bench", "scenario", bundle_folder, "--steps", "2", "--workers", "3", "--ray", cluster.address)

    done = accel_process(*words, cwd=tmp_path)

    assert_refused(done, "workers: the cluster has 2 for --provider cpu, not 3", code=2)


def test_where_there_is_no_cluster_is_said_in_one_line(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a cat\n")

    done = accel("generate", bundle_folder, "--prompts", "prompts", *FEW, "--ray", "nowhere", cwd=tmp_path)

    assert_refused(done, "--ray nowhere: no cluster: ")


@pytest.mark.slow
def test_a_job_whose_parts_are_killed_is_complete(cluster: Cluster, bundle_folder: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.write_text("a cat\n" * 1500)

    killer = Killer(cluster, job(bundle_folder, prompts, tmp_path / "job", "--ray", cluster.address), random.Random(0))  # noqa: S311
    killer.run(("worker", "node", "driver"), pause=(1.0, 2.0))

    check(tmp_path / "job", pictures=1500)


@pytest.mark.slow
def test_a_search_on_two_nodes_finds_the_front_of_this_process(
    cluster: Cluster, bundle_folder: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    done = accel("search", bundle_folder, *SEARCH, "-o", here, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # What is composed of the same times, from the same pictures, is the same.
    there.mkdir()
    for name in ("search.json", "times.json"):
        shutil.copyfile(here / name, there / name)

    done = accel_process("search", bundle_folder, *SEARCH, "-o", there, "--ray", cluster.address, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert tried(there) == tried(here)
    parts = [path.name for path in (here / "calibration").iterdir()]
    assert sorted(parts) == sorted(path.name for path in (there / "calibration").iterdir())


def tried(folder: Path) -> dict[str, bytes]:
    """The scores of each candidate."""
    record = read_record(folder / "record.json")
    assert isinstance(record, SearchRecord)
    return {each.id: msgspec.json.encode((each.composed_s, each.scores)) for each in record.tried}
