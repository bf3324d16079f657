"""An environment is made whole or not at all, and takes nothing else's place."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accel_bench.base.errors import PeerError
from accel_bench.peers import environments
from accel_bench.peers.catalogue import PEERS, PeerEnvironment
from accel_bench.peers.environments import install, python_of, where
from accel_runtime.errors import InputError

KIND = next(kind for kind in PEERS.values() if kind.environment == "optimum")


@pytest.fixture(autouse=True)
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of environments, whose pinned packages are none: nothing is downloaded."""
    monkeypatch.setenv("ACCEL_PEERS", str(tmp_path / "peers"))
    monkeypatch.setattr(environments, "_REQUIREMENTS", tmp_path)
    (tmp_path / f"{KIND.environment}.txt").write_text("")
    return tmp_path / "peers"


def test_a_users_folder_is_never_replaced(peers: Path) -> None:
    folder = peers / KIND.environment
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="not made by `accel peers install`"):
        list(install(KIND))

    assert (folder / "thesis.tex").read_text() == "mine"
    assert os.listdir(peers) == [KIND.environment]


def test_a_failing_install_leaves_the_environment_that_works(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = peers / KIND.environment
    folder.mkdir(parents=True)
    for name in ("complete.txt", "pyvenv.cfg"):
        (folder / name).write_text("earlier")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(PeerError, match="make the environment"):
        list(install(KIND))

    assert where(KIND) == "own"
    assert (folder / "pyvenv.cfg").read_text() == "earlier"
    assert os.listdir(peers) == [KIND.environment]


@pytest.mark.slow
def test_an_environment_that_was_made_aside_works_in_its_place(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", {KIND.environment: PeerEnvironment(("json",))})
    done = list(install(KIND))
    python = python_of(KIND)
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)

    assert done[-1] == "try json"
    assert Path(prefix.stdout.strip()) == python.parent.parent == peers / KIND.environment
    assert os.listdir(peers) == [KIND.environment]
