"""Pictures of a job, and the blocks drawn together: both follow from the file of prompts and `--batch` alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from accel_bench.quality.prompts import Row
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_IMAGES, Request


class Picture(msgspec.Struct, frozen=True):
    """One picture of a job.

    Attributes:
        number: Counted from 0 in the file's order; it names the picture's file.
        prompt: What to draw.
        negative: What not to draw.
        seed: Seed of its noise.
        height: Pixels; None takes the model's.
        width: Pixels; None takes the model's.
        id: What the file of prompts calls it.
    """

    number: int
    prompt: str
    negative: str
    seed: int
    height: int | None = None
    width: int | None = None
    id: str | int | None = None


class Block(msgspec.Struct, frozen=True):
    """Pictures of one size that are drawn in one request."""

    pictures: tuple[Picture, ...]

    @property
    def request(self) -> Request:
        """What draws them all."""
        first = self.pictures[0]
        return Request(
            prompts=tuple(each.prompt for each in self.pictures),
            negatives=tuple(each.negative for each in self.pictures),
            seeds=tuple(each.seed for each in self.pictures),
            height=first.height,
            width=first.width,
        )

    def __str__(self) -> str:
        """As in messages.

        >>> print(Block((Picture(4, "a", "", 4), Picture(6, "b", "", 6))))
        pictures 4 to 6
        """
        return f"pictures {self.pictures[0].number} to {self.pictures[-1].number}"


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a job that is divided into ``of`` parts, counted from 1."""

    index: int = 1
    of: int = 1

    def __str__(self) -> str:
        """As a user writes it."""
        return f"{self.index}/{self.of}"

    def take(self, blocks: Sequence[Block]) -> Iterator[Block]:
        """Every ``of``-th block."""
        yield from blocks[self.index - 1 :: self.of]


WHOLE = Shard()


def parse_shard(text: str) -> Shard:
    """A shard from a text.

    Raises:
        InputError: It is none.

    >>> parse_shard("2/4")
    Shard(index=2, of=4)
    """
    match = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", text)
    if match is None or int(match[1]) > int(match[2]):
        raise InputError(f"--shard {text!r}: expected a part and the number of parts, such as 1/4 to 4/4")
    return Shard(int(match[1]), int(match[2]))


def number_pictures(
    rows: Sequence[Row], *, seed: int = 0, negative: str = "", size: tuple[int | None, int | None] = (None, None)
) -> tuple[Picture, ...]:
    """The pictures of a file; what a row does not say is said by the rest.

    Args:
        rows: One for each picture.
        seed: Picture i draws its noise from ``seed + i``.
        negative: What not to draw.
        size: Height and width in pixels.
    """
    height, width = size
    return tuple(
        Picture(
            number,
            prompt=row.prompt,
            negative=negative if row.negative_prompt is None else row.negative_prompt,
            seed=seed + number if row.seed is None else row.seed,
            height=row.height or height,
            width=row.width or width,
            id=row.id,
        )
        for number, row in enumerate(rows)
    )


def cut_blocks(pictures: Sequence[Picture], batch: int) -> tuple[Block, ...]:
    """Blocks of ``batch`` pictures, in the order of their first ones; a size's last block may be smaller.

    Raises:
        InputError: So many cannot be drawn at once.

    >>> sizes = [8, 16, 8, 8]
    >>> blocks = cut_blocks([Picture(n, "a", "", n, height, height) for n, height in enumerate(sizes)], 2)
    >>> [[picture.number for picture in block.pictures] for block in blocks]
    [[0, 2], [1], [3]]
    """
    if not 1 <= batch <= MOST_IMAGES:
        raise InputError(f"--batch: expected 1 to {MOST_IMAGES} pictures drawn together, got {batch}")
    by_size: dict[tuple[int | None, int | None], list[Picture]] = {}
    for picture in pictures:
        by_size.setdefault((picture.height, picture.width), []).append(picture)
    blocks = [Block(tuple(group[at : at + batch])) for group in by_size.values() for at in range(0, len(group), batch)]
    return tuple(sorted(blocks, key=lambda block: block.pictures[0].number))
