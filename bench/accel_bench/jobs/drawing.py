"""Draws blocks of a job: the same block gives the same bytes, whichever worker draws it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import msgspec

from accel_bench.images import ImageLabel, encode_png, label_texts
from accel_bench.jobs.blocks import Block, Picture
from accel_runtime.backends import BackendDescription, make_backend
from accel_runtime.errors import AccelError
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.plans.plan import Plan


class Drawn(msgspec.Struct, frozen=True):
    """A picture.

    Attributes:
        png: The bytes of its file.
        seconds: Its share of the seconds that its block took, without the writing.
        cut: The end of its prompt that did not fit, as in diffusers.
    """

    png: bytes
    seconds: float
    cut: str


class Look(msgspec.Struct, frozen=True):
    """What each picture's label tells, beside what the picture itself does.

    Attributes:
        job: Digest of the job's settings.
        plan: Name of the plan.
        scheduler: Scheduler of the plan.
        steps: Its denoising steps.
        guidance: Scale of guidance.
        bundle: Digest of the bundle.
        weights: `trained` or `random`.
    """

    job: str
    plan: str
    scheduler: str
    steps: int
    guidance: float
    bundle: str
    weights: str

    def texts(self, picture: Picture) -> dict[str, str]:
        """The texts that a picture's file carries."""
        label = ImageLabel(
            prompt=picture.prompt,
            negative=picture.negative,
            seed=picture.seed,
            plan=self.plan,
            scheduler=self.scheduler,
            steps=self.steps,
            guidance=self.guidance,
            bundle=self.bundle,
            weights=self.weights,
        )
        return {**label_texts(label), "accel:job": self.job, "accel:number": str(picture.number)}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a worker that draws blocks is opened from; a `Work`.

    Attributes:
        bundle: Folder of the bundle where the job was ordered.
        digest: Its digest.
        provider: Name of the backend.
        options: Options of ONNX Runtime's provider.
        form: Form of the graphs; None takes what the provider runs best.
        low_memory: As of `open_bundle`.
        plan: The plan that draws all pictures.
        look: What labels tell.
    """

    bundle: Path
    digest: str
    provider: str
    options: Mapping[str, str]
    form: str | None
    low_memory: bool | None
    plan: Plan
    look: Look

    def open(self, folder: Path, *, threads: int | None = None) -> "Drawer":
        """See `accel_bench.base.crew.Work.open`."""
        backend = make_backend(self.provider, threads=threads, options=self.options)
        pipeline = open_bundle(folder, backend, digest=self.digest, low_memory=self.low_memory, form=self.form)
        return Drawer(pipeline, self.plan, look=self.look)


@dataclass(frozen=True, slots=True, eq=False)
class Drawer:
    """Draws blocks with one pipeline."""

    pipeline: Pipeline
    plan: Plan
    look: Look

    def do(self, item: Block) -> tuple[Drawn, ...]:
        """Draw a block.

        Raises:
            AccelError: It cannot be drawn; names its pictures.
        """
        started = perf_counter()
        try:
            images = self.pipeline.generate(item.request, self.plan).images
        except AccelError as error:
            raise type(error)(f"{item}: {error}") from error
        seconds = (perf_counter() - started) / len(images)
        return tuple(
            Drawn(encode_png(pixels, self.look.texts(picture)), seconds, self._cut(picture.prompt))
            for picture, pixels in zip(item.pictures, images, strict=True)
        )

    def describe(self) -> BackendDescription:
        """See `accel_bench.base.crew.Worker.describe`."""
        return self.pipeline.describe()

    def _cut(self, prompt: str) -> str:
        """Encoders of one model have like tokenizers: the one that cuts most says it for all."""
        return max((each.cut for each in self.pipeline.tokenize(prompt)), key=len, default="")
