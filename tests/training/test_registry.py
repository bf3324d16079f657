import hashlib
import tarfile
from pathlib import Path

import pytest

from accel_training.registry import DataError, Package, fetch


def write_archive(folder: Path) -> Package:
    (folder / "note.txt").write_text("hello")
    with tarfile.open(folder / "made-up-1.0.0.tgz", "w:gz") as tar:
        tar.add(folder / "note.txt", "package/note.txt")
    sha256 = hashlib.sha256((folder / "made-up-1.0.0.tgz").read_bytes()).hexdigest()
    return Package("made-up@1.0.0", archive="made-up-1.0.0.tgz", sha256=sha256)


def test_an_archive_that_is_there_is_checked_and_unpacked_once(tmp_path: Path) -> None:
    package = write_archive(tmp_path)
    folder = fetch(package, tmp_path)
    assert (folder / "note.txt").read_text() == "hello"
    (tmp_path / package.archive).unlink()
    assert fetch(package, tmp_path) == folder


def test_another_archive_than_the_pinned_one_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    package = Package("made-up@1.0.0", archive=write_archive(tmp_path).archive, sha256="0" * 64)
    with pytest.raises(DataError, match=r"made-up-1\.0\.0\.tgz: expected sha256 0000"):
        fetch(package, tmp_path)
    assert not (tmp_path / "made-up-1.0.0").exists()


def test_a_machine_without_npm_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm is not on PATH: .*install Node\.js"):
        fetch(Package("made-up@1.0.0", archive="made-up-1.0.0.tgz", sha256=""), tmp_path)
