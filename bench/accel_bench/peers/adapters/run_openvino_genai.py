"""OpenVINO GenAI's `Text2ImagePipeline` on the CPU."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai
from numpy.typing import NDArray
from openvino import opset13
from peer_protocol import Clock, Work, serve

# GenAI's schedulers by the class in diffusers that each one implements.
_SCHEDULERS = {
    "DDIMScheduler": genai.Scheduler.Type.DDIM,
    "EulerAncestralDiscreteScheduler": genai.Scheduler.Type.EULER_ANCESTRAL_DISCRETE,
    "EulerDiscreteScheduler": genai.Scheduler.Type.EULER_DISCRETE,
    "LCMScheduler": genai.Scheduler.Type.LCM,
    "PNDMScheduler": genai.Scheduler.Type.PNDM,
}
_PRECISIONS = ("f32", "bf16", "f16")


class GivenNoise(genai.Generator):  # type: ignore[misc]  # it has no types
    """A generator that gives the initial latents of all contenders first, and its own noise afterwards."""

    def __init__(self, latents: NDArray[np.float32], seed: int) -> None:
        super().__init__()
        self._latents, self._seed = latents, seed
        self.seed(seed)

    def seed(self, new_seed: int) -> None:
        """Restart with a seed."""
        self._is_first = True
        self._own = np.random.default_rng(new_seed)

    def next(self) -> float:
        """Draw one number."""
        return float(self._own.standard_normal())

    def randn_tensor(self, shape: Any) -> ov.Tensor:
        """The latents at the first call; noise for ancestral schedulers afterwards."""
        is_first, self._is_first = self._is_first, False
        values = self._latents if is_first else self._own.standard_normal(tuple(shape)).astype(np.float32)
        return ov.Tensor(np.ascontiguousarray(values))


class GenAiPeer:
    """A converted folder, reshaped to the work's size as GenAI's documentation advises for fixed sizes."""

    packages: tuple[str, ...] = ("openvino", "openvino-genai", "openvino-tokenizers")

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work, self._clock, self._noise = work, clock, work.noise()
        self._pipe = genai.Text2ImagePipeline(work.model)
        kind = _SCHEDULERS.get(work.scheduler["_class_name"], genai.Scheduler.Type.DDIM)
        self._pipe.set_scheduler(_scheduler(work.scheduler, kind))
        properties: dict[str, Any] = {}
        if work.threads is not None:
            properties["INFERENCE_NUM_THREADS"] = work.threads
        for option in work.options:
            if option in _PRECISIONS:
                properties["INFERENCE_PRECISION_HINT"] = option
        if "dynamic" not in work.options:
            self._pipe.reshape(work.batch, work.height, work.width, work.guidance)
        self._pipe.compile("CPU", **properties)
        self.settings: dict[str, str | int | float | bool] = {
            "shapes": "dynamic" if "dynamic" in work.options else "static",
            "weights": "float32",
            "threads": work.threads or "OpenVINO's own choice",
            "precision": properties.get("INFERENCE_PRECISION_HINT", _own_precision()),
            "scheduler": kind.name,
        }
        self.unequal = _unequal(work, str(self.settings["precision"]))

    def draw(self, steps: int) -> NDArray[np.uint8]:
        """See `peer_protocol.Peer`."""
        work = self._work
        made = self._pipe.generate(
            work.prompt,
            num_images_per_prompt=work.batch,
            height=work.height,
            width=work.width,
            num_inference_steps=steps,
            guidance_scale=work.guidance,
            generator=GivenNoise(self._noise, work.seed),
        )
        images = np.array(made.data)
        self._note_spans()
        return images

    def _note_spans(self) -> None:
        """Make spans. GenAI reports only durations; starts follow from the order: text encoder, steps, decoder."""
        metrics = self._pipe.get_performance_metrics()
        calls = [duration / 1e6 for duration in metrics.raw_metrics.unet_inference_durations]
        steps = [duration / 1e6 for duration in metrics.raw_metrics.iteration_durations]
        decoder = metrics.get_vae_decoder_infer_duration() / 1e3
        text = sum(metrics.get_text_encoder_infer_duration().values()) / 1e3
        at = metrics.get_generate_duration() / 1e3 - decoder - sum(steps)
        self._clock.spans.append(("text_encoder", max(at - text, 0.0), text))
        for call, step in zip(calls, steps, strict=True):
            self._clock.spans.append(("unet", at, call))
            at += step
        self._clock.spans.append(("vae_decoder", at, decoder))


def _scheduler(config: dict[str, Any], kind: Any) -> Any:  # the enum is not typed
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler_config.json"
        file.write_text(json.dumps(config))
        return genai.Scheduler.from_config(file, kind)


def _own_precision() -> str:
    """The precision that OpenVINO chooses here, read from a graph of one node, as GenAI does not report its own."""
    values = opset13.parameter([1], np.float32)
    compiled = ov.Core().compile_model(ov.Model([opset13.relu(values)], [values]), "CPU")
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())


def _unequal(work: Work, precision: str) -> tuple[str, ...]:
    found = []
    if precision != "f32":
        found.append(f"computes in {precision}, as OpenVINO does on this processor unless told otherwise")
    if work.scheduler["_class_name"] not in _SCHEDULERS:
        found.append(f"has no {work.scheduler['_class_name']}: drew with DDIM")
    if "Ancestral" in work.scheduler["_class_name"]:
        found.append("draws other noise between steps, so the picture differs")
    return tuple(found)


if __name__ == "__main__":
    serve(GenAiPeer)
