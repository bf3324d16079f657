"""What many tests share: one small pipeline, exported once a session."""

from pathlib import Path
from typing import Any

import pytest
from tests.exporter.pipelines import write_tiny_pipeline

from accel_exporter import ExportOptions, export_bundle, open_source, parse_forms
from accel_runtime import Pipeline, open_bundle


@pytest.fixture(scope="session")
def source_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder with a small random pipeline."""
    folder = tmp_path_factory.mktemp("source") / "small"
    write_tiny_pipeline(folder)
    return folder


@pytest.fixture(scope="session")
def bundle_folder(source_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That pipeline as a bundle with every branch and open dimensions."""
    target = tmp_path_factory.mktemp("bundle") / "small"
    options = ExportOptions(branches=None, max_steps=20)
    for _ in export_bundle(open_source(str(source_folder)), target, options=options):
        pass
    return target


@pytest.fixture(scope="session")
def pipeline(bundle_folder: Path) -> Pipeline:
    """The bundle, opened."""
    return open_bundle(bundle_folder)


@pytest.fixture(scope="session")
def forms_folder(source_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That pipeline in all forms of graphs: one branch, one scheduler."""
    target = tmp_path_factory.mktemp("forms") / "small"
    forms = parse_forms(["fused,native"])
    options = ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=4, forms=forms)
    for _ in export_bundle(open_source(str(source_folder)), target, options=options):
        pass
    return target


@pytest.fixture(scope="session")
def diffusers_pipeline(source_folder: Path) -> Any:
    """The same folder in diffusers itself."""
    from diffusers import StableDiffusionPipeline

    loader: Any = StableDiffusionPipeline
    loaded = loader.from_pretrained(source_folder, safety_checker=None, requires_safety_checker=False)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="session")
def inductor_bundle(source_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That pipeline with AOTInductor packages, which take a minute to compile: one branch, few schedules."""
    target = tmp_path_factory.mktemp("inductor") / "small"
    options = ExportOptions(branches=(0,), max_steps=6, with_inductor=True)
    for _ in export_bundle(open_source(str(source_folder)), target, options=options):
        pass
    return target
