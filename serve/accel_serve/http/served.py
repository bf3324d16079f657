"""A bundle that is served: opened at once, ready once its engine has drawn a picture."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from accel_runtime.bundle.room import check_request
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.pipeline import Pipeline
from accel_runtime.request import Request
from accel_serve.engine.engine import Engine
from accel_serve.engine.mode import Mode, choose_mode, forced_mode
from accel_serve.engine.order import Order
from accel_serve.errors import ClosingError
from accel_serve.http.errors import RefusedError
from accel_serve.http.fields import Edit, Generation
from accel_serve.http.metrics import Metrics
from accel_serve.http.pictures import Pixels
from accel_serve.http.plans import Plans

Say = Callable[[str], None]

# Of a full queue, from which on a service that may takes the cheaper plan.
_OVERLOADED = 0.5


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How engines are made.

    Attributes:
        mode: How requests share calls; None measures.
        most_images: Images of the largest batch.
        most_waiting: Images that may wait.
    """

    mode: Mode | None = None
    most_images: int = 8
    most_waiting: int = 64


@dataclass(slots=True, eq=False)
class Served:
    """One bundle of a service.

    Attributes:
        name: What clients call it.
        pipeline: The bundle.
        plans: Which plan a request runs.
        most_pixels: Of an image.
        engine: Draws; None until it is warm.
    """

    name: str
    pipeline: Pipeline
    plans: Plans
    most_pixels: int
    engine: Engine | None = field(default=None, init=False)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.pipeline.bundle.manifest

    @property
    def ready(self) -> Engine:
        """The engine.

        Raises:
            ClosingError: It is not warm yet.
        """
        if self.engine is None:
            raise ClosingError(f"model {self.name}: is warming up: ask again in some seconds")
        return self.engine

    @property
    def is_overloaded(self) -> bool:
        """Whether the queue is half full."""
        return self.ready.waiting >= _OVERLOADED * self.ready.most_waiting

    def warm_up(self, options: EngineOptions, *, metrics: Metrics, say: Say) -> None:
        """Choose how requests share calls, start the engine and let it draw a picture.

        Raises:
            AccelError: It cannot.
        """
        started = perf_counter()
        if options.mode is None:
            choice = choose_mode(self.pipeline, most_images=options.most_images)
        else:
            choice = forced_mode(self.pipeline, options.mode, most_images=options.most_images)
        engine = Engine(self.pipeline, choice, most_waiting=options.most_waiting, observer=metrics.of(self.name))
        chosen = self.plans.choose(Generation(""), strength=None, overloaded=False)
        for _ in engine.draw(Order(_to_warm_up(self.manifest), chosen.plan)):
            pass
        metrics.mode.labels(self.name, choice.mode, choice.images).set(1)
        say(f"{self.name}: {choice.mode}, up to {choice.images} images in a call: {choice.reason}")
        say(f"{self.name}: ready after {perf_counter() - started:.1f} s")
        self.engine = engine

    def request(
        self, fields: Generation, *, seed: int, image: Pixels | None = None, mask: Pixels | None = None
    ) -> Request:
        """What the runtime is asked for.

        Raises:
            RefusedError: The model does not take it.
        """
        sides = fields.sides() if image is None else (image.shape[1], image.shape[0])
        request = Request(
            (fields.prompt,),
            negatives=(fields.negative_prompt or "",),
            images_per_prompt=fields.images,
            seed=seed,
            width=sides[0] if sides else None,
            height=sides[1] if sides else None,
            image=image,
            mask=mask,
        )
        try:
            height, width = request.size(self.manifest.state)
            check_request(request, self.manifest, guided=True)
        except InputError as error:
            raise RefusedError(str(error), param="size") from error
        self.check_size(width, height)
        return request

    def check_size(self, width: int, height: int) -> None:
        """Whether an image may have a size.

        Raises:
            RefusedError: It has too many pixels.
        """
        if width * height > self.most_pixels:
            most = f"expected at most {self.most_pixels:,} pixels"
            raise RefusedError(f"size: {most}, got {width}x{height}", param="size")

    def fitted(self, fields: Edit, width: int, height: int) -> tuple[int, int]:
        """Width and height at which a picture is edited: those asked for, or its own rounded down.

        Raises:
            RefusedError: The model does not draw that size.
        """
        multiple = self.manifest.state.multiple
        size = fields.sides() or (width - width % multiple, height - height % multiple)
        if 0 in size:
            raise RefusedError(
                f"image: expected at least {multiple}x{multiple} pixels, got {width}x{height}", param="image"
            )
        self.check_size(*size)
        return size


def _to_warm_up(manifest: Manifest) -> Request:
    """One picture without a prompt; of a model that fills in masked pictures, a grey one that is wholly masked."""
    if not manifest.takes_mask:
        return Request(("",))
    grey = np.full((*manifest.state.sample_size, 3), 128, np.uint8)
    return Request(("",), image=grey, mask=np.full(grey.shape[:2], 255, np.uint8))


def check_servable(manifest: Manifest, name: str) -> None:
    """Whether the Images API can say what the model needs.

    Raises:
        InputError: It cannot.
    """
    if not manifest.texts:
        raise InputError(
            f"{name}: the model takes no prompt, and the Images API has nothing else: serve another bundle"
        )
    if manifest.controls:
        raise InputError(
            f"{name}: the model takes control images, for which the Images API has no field: serve another"
        )


def most_pixels_of(manifest: Manifest) -> int:
    """Four times the pixels of the model's own size."""
    return 4 * int(np.prod(manifest.state.sample_size))
