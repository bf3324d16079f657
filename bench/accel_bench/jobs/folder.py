"""The folder of a job: what is done, and how what gets done is kept."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

from accel_bench.base.files import write_record
from accel_bench.base.pictures import open_png
from accel_bench.base.text import differences
from accel_bench.jobs.blocks import WHOLE, Block, Picture, Shard
from accel_bench.jobs.drawing import Drawn, Look
from accel_bench.jobs.manifest import Line, append, gather, manifest_path, read_done
from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.durable import PATIENCE_S, lock, make_folder, sweep, write_bytes
from accel_runtime.errors import InputError
from accel_runtime.plans.spec import PlanSpec

_JOB: Final = "job.json"
_IMAGES: Final = "images"
# So many pictures lie in one folder: more make every look into it slow.
_EACH: Final = 1000


class JobSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the pictures of a job depend on; a folder holds those of one job.

    Attributes:
        bundle: Digest of the bundle.
        backend: What runs it, with its version, provider and form.
        plan: The plan with all that it leaves to others filled in.
        guidance: Scale of guidance.
        guidance_rescale: As of `accel_runtime.plans.plan.Plan`.
        prompts: Hash of all rows of the file of prompts.
        pictures: How many there are.
        seed: Seed of the first picture.
        negative: What not to draw, of rows that do not say.
        height: Pixels, of rows that do not say; None takes the model's.
        width: Pixels, of rows that do not say; None takes the model's.
        batch: Most pictures of a block.
        version: Version of the folder's files.
    """

    bundle: str
    backend: str
    plan: PlanSpec
    guidance: float
    guidance_rescale: float
    prompts: str
    pictures: int
    seed: int
    negative: str
    height: int | None
    width: int | None
    batch: int
    version: Literal[1] = 1

    @property
    def digest(self) -> str:
        """Tells jobs apart; of all but the backend, which workers tell, and the folder of a job is checked for."""
        told = msgspec.structs.replace(self, backend="")
        return sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class JobFolder:
    """The part of a job's folder that one shard fills.

    Attributes:
        folder: The folder.
        look: What labels tell.
        shard: The shard.
        blocks: Its blocks.
        found: How many of its pictures a run found without a line, and gave one.
    """

    folder: Path
    look: Look
    shard: Shard
    blocks: tuple[Block, ...]
    found: int
    _done: set[int] = field(default_factory=set)

    @property
    def pictures(self) -> int:
        """How many pictures the shard has."""
        return sum(len(block.pictures) for block in self.blocks)

    @property
    def done(self) -> int:
        """How many of them are done."""
        return sum(picture.number in self._done for block in self.blocks for picture in block.pictures)

    def missing(self) -> list[Block]:
        """The blocks with some picture that is not done."""
        return [block for block in self.blocks if any(each.number not in self._done for each in block.pictures)]

    def keep(self, block: Block, drawn: Sequence[Drawn]) -> int:
        """Write the pictures of a block that are not done, then their lines; returns how many.

        Raises:
            WriteError: They cannot be written; what was written is found by the next run.
        """
        lines = []
        for picture, each in zip(block.pictures, drawn, strict=True):
            if picture.number not in self._done:
                path = self.folder / picture_file(picture)
                make_folder(path.parent)
                write_bytes(path, each.png)
                lines.append(_line(self.look, picture, each.png, seconds=each.seconds, cut=each.cut))
        append(manifest_path(self.folder, self.shard), lines)
        self._done.update(line.number for line in lines)
        return len(lines)


@contextmanager
def open_folder(
    folder: Path, settings: JobSettings, look: Look, *, blocks: Sequence[Block], shard: Shard = WHOLE
) -> Iterator[JobFolder]:
    """Make a job's folder, or go on in it; within the block nobody else runs the same shard there.

    Args:
        folder: The folder.
        settings: The job.
        look: What labels tell.
        blocks: All blocks of the job.
        shard: Which of them are to be drawn.

    Raises:
        InputError: It holds a job of other settings, or something else.
        WriteError: It cannot be written, or another process runs this shard.
    """
    _check_folder(folder)
    make_folder(folder / _IMAGES)
    with lock(folder / str(manifest_path(folder, shard).stem)):
        _check_settings(folder, settings)
        there = _pictures_there(folder / _IMAGES)
        own, done = tuple(shard.take(blocks)), read_done(folder).keys() & there
        orphans = [each for block in own for each in block.pictures if each.number in there - done]
        lines = list(_adopted(folder, look, orphans))
        append(manifest_path(folder, shard), lines)
        if shard == WHOLE:
            gather(folder)
        yield JobFolder(folder, look, shard, own, len(lines), done | {line.number for line in lines})


def picture_file(picture: Picture) -> str:
    """Where a picture lies within the folder.

    >>> picture_file(Picture(12_345, "a cat", "", 0))
    'images/00012/0012345.png'
    """
    return f"{_IMAGES}/{picture.number // _EACH:05}/{picture.number:07}.png"


def _check_folder(folder: Path) -> None:
    if folder.exists() and not (folder / _JOB).is_file():
        if not folder.is_dir():
            raise InputError(f"{folder}: expected the folder of a job, or a new one, got a file")
        if any(not path.name.startswith(".") and path.name != _IMAGES for path in folder.iterdir()):
            raise InputError(f"{folder}: expected the folder of a job, or a new one, got something else")


def _check_settings(folder: Path, settings: JobSettings) -> None:
    """Write the settings, or compare them with those that are there."""
    path = folder / _JOB
    with lock(path, patience_s=PATIENCE_S):
        if not path.exists():
            write_record(path, settings)
            return
    known = decode_json(read_document(path, error=InputError), JobSettings, path=path, error=InputError)
    if known != settings:
        raise InputError(
            f"{folder}: holds a job of {differences(known, settings, hidden={'plan'})}: choose another folder"
        )


def _pictures_there(images: Path) -> set[int]:
    """The numbers of all pictures in a folder; what killed writers left is removed."""
    found = set()
    for part in images.iterdir():
        if part.is_dir():
            sweep(part)
            found |= {int(path.stem) for path in part.glob("*.png") if path.stem.isdecimal()}
    return found


def _adopted(folder: Path, look: Look, orphans: Iterable[Picture]) -> Iterator[Line]:
    """The lines of pictures that a killed run wrote and did not list, where they are whole and of this job."""
    for picture in orphans:
        path = folder / picture_file(picture)
        png = read_document(path, error=InputError)
        try:
            _, texts = open_png(io.BytesIO(png), str(path))
        except InputError:
            continue
        if texts == look.texts(picture):
            yield _line(look, picture, png, seconds=None, cut=None)


def _line(look: Look, picture: Picture, png: bytes, *, seconds: float | None, cut: str | None) -> Line:
    width, height = _size(png)
    return Line(
        number=picture.number,
        file=picture_file(picture),
        id=picture.id,
        prompt=picture.prompt,
        negative_prompt=picture.negative,
        seed=picture.seed,
        height=height,
        width=width,
        plan=look.plan,
        scheduler=look.scheduler,
        steps=look.steps,
        guidance=look.guidance,
        bundle=look.bundle,
        sha256=sha256(png).hexdigest(),
        seconds=seconds,
        cut=cut,
    )


def _size(png: bytes) -> tuple[int, int]:
    """Width and height, which every PNG says first (PNG specification, 11.2.1)."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
