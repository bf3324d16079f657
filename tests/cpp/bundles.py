"""The bundle that both runtimes draw from: the built-in model with many schedulers of few steps."""

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from tests.bundles import kept_bundle, kept_source
from tests.kept import kept

STEPS: Final = 5
STRENGTH: Final = 0.6
SCHEDULERS: Final = (
    "ddim",
    "ddim_eta1",
    "ddpm",
    "pndm",
    "pndm_prk",
    "euler",
    "euler_karras",
    "euler_a",
    "heun",
    "kdpm2",
    "kdpm2_a",
    "lms",
    "dpmpp_1",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "dpmpp_2m_sde",
    "dpmpp_2s",
    "dpmpp_3m",
    "dpm_2m",
    "unipc",
    "unipc_3",
    "deis",
    "ipndm",
    "sa_solver",
    "lcm",
    "tcd",
)
# One of each kind: those with history, with draws, with two calls a step.
FROM_IMAGES: Final = ("ddim", "euler_a", "heun", "pndm", "dpmpp_2m", "unipc", "lcm", "dpmpp_2m_sde")


@cache
def many_schedulers() -> Path:
    """The built-in model at `STEPS` steps of every one of `SCHEDULERS`, of some also from an image at `STRENGTH`."""

    def make(folder: Path) -> None:
        from accel_exporter import ExportOptions
        from accel_exporter.schedules.add import add_tables, compile_for
        from accel_runtime import read_bundle

        # The same as of tests/integration/test_builtin_model.py.
        options = ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=50)
        shutil.copytree(kept_bundle("tiny", "tiny", options), folder)
        bundle = read_bundle(folder)
        for name in SCHEDULERS:
            compiled = compile_for(bundle, name, steps=(STEPS,))
            if name in FROM_IMAGES:
                begun = compile_for(bundle, name, steps=(STEPS,), strength=STRENGTH)
                compiled = replace(compiled, tables=(*compiled.tables, *begun.tables))
            add_tables(bundle, compiled)

    return kept("many-schedulers", make, facts=(SCHEDULERS, STEPS, STRENGTH))


@cache
def changed_model() -> Path:
    """The small pipeline with words of three and of one vector, whose prompts do without a layer."""

    def make(folder: Path) -> None:
        import torch
        from safetensors.torch import save_file

        from accel_exporter import Changes, Embedding, ExportOptions, export_bundle, open_source

        files = []
        for seed, (word, count) in enumerate({"cat": 3, "dog": 1}.items()):
            vectors = torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))
            files.append(folder.with_name(f"{word}.safetensors"))
            save_file({f"<{word}>": vectors}, files[-1])
        changes = Changes(embeddings=tuple(map(Embedding, files)), clip_skip=1)
        options = ExportOptions(branches=(0, 1), schedulers=("ddim",), max_steps=4)
        for _ in export_bundle(open_source(str(kept_source()), changes=changes), folder, options=options):
            pass

    return kept("changed-model", make)
