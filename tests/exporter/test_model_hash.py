"""The hash of a model: of its weights alone, however they are exported."""

import hashlib
from pathlib import Path

import torch
from tests.bundles import kept_bundle
from torch import nn

from accel_exporter import ExportOptions, StaticSize, open_source
from accel_exporter.model_hash import model_hash
from accel_runtime.manifest import read_manifest


def test_it_is_sha256_over_names_shapes_and_values_in_order() -> None:
    module = nn.ModuleDict({"b": nn.Linear(2, 1, bias=False), "a": nn.Linear(1, 1)})
    for number, parameter in enumerate(module.parameters()):
        nn.init.constant_(parameter, number + 0.5)
    by_hand = hashlib.sha256(
        b"a.bias 1\n" + bytes.fromhex("00002040")  # 2.5
        + b"a.weight 1x1\n" + bytes.fromhex("0000c03f")  # 1.5
        + b"b.weight 1x2\n" + 2 * bytes.fromhex("0000003f")  # 0.5
    )  # fmt: skip

    assert model_hash(module) == by_hand.hexdigest()


def test_one_changed_weight_changes_it() -> None:
    module = nn.Linear(3, 3)
    before = model_hash(module)
    with torch.no_grad():
        module.bias[1] += 1e-3

    assert model_hash(module) != before


def test_exports_of_the_same_weights_have_it_in_every_precision_and_at_every_size(
    source_folder: Path, bundle_folder: Path, half_folder: Path
) -> None:
    options = ExportOptions(max_steps=4, branches=(0, 2), static=StaticSize(height=22))
    static = kept_bundle("static", source_folder, options)
    expected = model_hash(open_source(str(source_folder)).load_unet())

    models = {read_manifest(folder).provenance.model for folder in (bundle_folder, half_folder, static)}

    assert models == {expected}


def test_other_weights_of_the_same_architecture_are_another_model() -> None:
    first, second = (model_hash(open_source("tiny", weights="random", seed=seed).load_unet()) for seed in (0, 1))

    assert first != second
