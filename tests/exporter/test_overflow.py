"""What does not fit half precision is found at export, by the name of its layer."""

import pytest
import torch
from torch import Tensor, nn

from accel_exporter.graphs import Traceable
from accel_exporter.overflow import check_overflow, layer_peaks
from accel_runtime.errors import ExportError


class Doubling(nn.Module):
    """Two layers: the second doubles what the first makes."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.first = nn.Linear(1, 1, bias=False)
        self.second = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.first.weight, factor)
        nn.init.constant_(self.second.weight, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.second(self.first(x))
        return made


def traceable(factor: float) -> Traceable:
    return Traceable("vae_decoder", "decoder", Doubling(factor), {"x": torch.ones(1, 1)}, outputs=("y",), axes={})


def test_peaks_are_told_of_each_layer_as_they_run() -> None:
    assert list(layer_peaks(traceable(3.0), spread=5.0).items()) == [("first", 15.0), ("second", 30.0)]


def test_the_layer_that_may_overflow_is_named() -> None:
    check_overflow(traceable(16_000.0))

    with pytest.raises(ExportError, match=r"vae_decoder: second reaches 3.4e\+04, over half of what float16 holds"):
        check_overflow(traceable(17_000.0))


def test_inputs_are_as_large_as_real_ones() -> None:
    with pytest.raises(ExportError, match=r"first reaches 8.5e\+04, .* as do 1 more of 2 layers"):
        check_overflow(traceable(17_000.0), spread=5.0)


def test_what_is_no_number_does_not_fit() -> None:
    with pytest.raises(ExportError, match="first reaches nan"):
        check_overflow(traceable(float("nan")))
