"""Our own bundle in bare ONNX Runtime sessions and a plain loop: our runtime's own cost is the difference to it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from peer_protocol import Clock, Work, serve
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Array = NDArray[np.float32]


class BarePeer:
    """`InferenceSession.run` with numpy arrays, every call deep."""

    packages: tuple[str, ...] = ("onnxruntime", "numpy")
    unequal: tuple[str, ...] = ()

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work, self._clock, self._folder = work, clock, Path(work.model)
        self._manifest = json.loads((self._folder / "accel.json").read_text())
        options = onnxruntime.SessionOptions()
        if work.threads is not None:
            options.intra_op_num_threads = work.threads
        self._denoiser, self._decoder = self._manifest["denoiser"], self._manifest["decoder"]
        ((encoder, self._text),) = self._manifest["texts"].items()
        graphs = {"text_encoder": encoder, "unet": self._denoiser["deep"], "vae_decoder": self._decoder["graph"]}
        self._sessions = {
            name: onnxruntime.InferenceSession(
                self._folder / self._manifest["graphs"][graph]["file"], options, providers=["CPUExecutionProvider"]
            )
            for name, graph in graphs.items()
        }
        self.settings: dict[str, str | int | float | bool] = {
            "threads": work.threads or "ONNX Runtime's own choice",
            # Inputs and outputs are float32 in every precision, so they do not tell what the graphs compute in.
            "dtype": self._manifest["dtype"],
            "provider": "CPUExecutionProvider",
        }

    def draw(self, steps: int) -> NDArray[np.uint8]:
        """See `peer_protocol.Peer`."""
        prompts = ["", self._work.prompt] if self._work.guidance > 1 else [self._work.prompt]
        embeddings = np.concatenate([self._embed(prompt) for prompt in prompts])
        latents = self._denoise(steps, np.repeat(embeddings, self._work.batch, axis=0))
        scaled = latents / np.float32(self._decoder["scale"]) + np.float32(self._decoder["shift"])
        with self._clock.span("vae_decoder"):
            pixels = self._run("vae_decoder", scaled)
        return ((pixels / 2 + 0.5).clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)

    def _denoise(self, steps: int, embeddings: Array) -> Array:
        """Run the table's recurrence: x' = Σ a[j]·x[-j] + Σ b[j]·e[-j]."""
        table = self._table(steps)
        latents, outputs = [self._work.noise() * np.float32(table["init_noise_sigma"])], list[Array]()
        for row in range(len(table["timestep"])):
            scaled = latents[0] * np.float32(table["input_scale"][row])
            outputs.insert(0, self._guided(scaled, table["timestep"][row], embeddings))
            moved = [np.float32(a) * x for a, x in zip(table["a"][row], latents, strict=False) if a]
            moved += [np.float32(b) * e for b, e in zip(table["b"][row], outputs, strict=False) if b]
            latents.insert(0, np.sum(moved, axis=0, dtype=np.float32))
        return latents[0]

    def _guided(self, latents: Array, timestep: float, embeddings: Array) -> Array:
        if len(embeddings) == len(latents):
            return self._unet(latents, timestep, embeddings)
        both = np.concatenate([latents, latents])
        negative, positive = np.split(self._unet(both, timestep, embeddings), 2)
        guided: Array = negative + np.float32(self._work.guidance) * (positive - negative)
        return guided

    def _unet(self, latents: Array, timestep: float, embeddings: Array) -> Array:
        (text,) = self._denoiser["inputs"]
        given = {
            self._denoiser["sample"]: latents,
            self._denoiser["timestep"]: np.array([timestep], np.float32),
            text["name"]: embeddings,
        }
        with self._clock.span("unet"):
            output: Array = self._sessions["unet"].run([self._denoiser["noise"]], given)[0]
        return output

    def _embed(self, prompt: str) -> Array:
        text = self._text
        tokenizer = Tokenizer.from_file(str(self._folder / text["tokenizer"]))
        tokenizer.enable_truncation(text["max_length"])
        tokenizer.enable_padding(length=text["max_length"], pad_id=text["pad_id"])
        with self._clock.span("text_encoder"):
            return self._run("text_encoder", np.array([tokenizer.encode(prompt).ids], np.int64))

    def _run(self, graph: str, values: NDArray[Any]) -> Array:
        """Run a graph of one input; its first output."""
        session = self._sessions[graph]
        output: Array = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: values})[0]
        return output

    def _table(self, steps: int) -> dict[str, Any]:
        """The rows of the schedule that starts from noise."""
        arrays = load_file(self._work.schedule)
        tables = arrays["tables"].astype(int)
        (at,) = np.flatnonzero((tables[:, 0] == steps) & (tables[:, 1] == 0))
        first, rows = tables[at, 2:4]
        table = {key: arrays[key][first : first + rows] for key in ("timestep", "input_scale", "a", "b", "draws")}
        if table["draws"].any():
            given = self._work.scheduler["_class_name"]
            raise ValueError(
                f"expected a scheduler without noise between steps, got {given}: choose another, such as ddim"
            )
        return {**table, "init_noise_sigma": arrays["init_noise_sigma"][at]}


if __name__ == "__main__":
    serve(BarePeer)
