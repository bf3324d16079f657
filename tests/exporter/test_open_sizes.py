from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx_ir as ir
import pytest
import torch
from tests.exporter.pipelines import TOKENS, tiny_unet, tiny_vae
from torch import Tensor, nn

from accel_exporter import graphs
from accel_exporter.check import check_graph, torch_reference
from accel_exporter.graphs import Axis, Sizes, Traceable
from accel_exporter.passes import NameDimensions, clean
from accel_exporter.program import Program, export_program, export_program_for_onnx
from accel_exporter.trace import trace

SIZES = Sizes(batch=2, latent_height=8, latent_width=12)
# Sides that halve to whole numbers, and sides that do not.
OTHERS = (Sizes(batch=1, latent_height=16, latent_width=8), Sizes(batch=3, latent_height=7, latent_width=13))


Build = Callable[[Sizes], Traceable]


@pytest.fixture(scope="module")
def builds() -> dict[str, Build]:
    unet, vae = tiny_unet(), tiny_vae()
    return {
        "unet": lambda sizes: graphs.unet_deep(unet, (0, 1), sizes=sizes, text_length=TOKENS),
        "decoder": partial(graphs.vae_decoder, vae),
        "encoder": partial(graphs.vae_encoder, vae),
    }


def onnx_of(program: Program) -> ir.Model:
    model = trace(program, opset=18)
    clean(model)
    NameDimensions(program.traceable.axes)(model)
    return model


@pytest.mark.parametrize("part", ["unet", "decoder", "encoder"])
def test_a_graph_traced_at_sizes_that_are_known_again_is_right_at_all_others(
    builds: dict[str, Build], part: str, tmp_path: Path
) -> None:
    program = export_program_for_onnx(builds[part](SIZES))

    assert program.sizes is not None
    ir.save(onnx_of(program), tmp_path / "model.onnx")
    for sizes in OTHERS:
        check_graph(tmp_path / "model.onnx", torch_reference(builds[part](sizes)), tolerance=1e-5)


@pytest.mark.parametrize("part", ["decoder", "encoder"])
def test_it_has_the_nodes_that_symbols_make_where_no_side_is_rounded(builds: dict[str, Build], part: str) -> None:
    traceable = builds[part](SIZES)
    known, symbols = map(onnx_of, (export_program_for_onnx(traceable), export_program(traceable, is_static=False)))

    assert Counter(node.op_type for node in known.graph) == Counter(node.op_type for node in symbols.graph)
    assert [value.shape for value in known.graph.outputs] == [value.shape for value in symbols.graph.outputs]


class _Part(nn.Module):
    """The first rows of a picture."""

    def __init__(self, rows: str) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor:
        height = x.shape[1]
        return x[:, : {"all": height, "half": height // 2, "all but one": height - 1, "three": 3}[self.rows]] * 2


@pytest.mark.parametrize("rows", ["all", "three", "half", "all but one"])
def test_a_number_that_is_no_product_of_sizes_leaves_the_component_to_symbols(rows: str, tmp_path: Path) -> None:
    def part(height: int) -> Traceable:
        x = torch.randn(2, height, 5, generator=torch.Generator().manual_seed(0))
        return Traceable("part", "decoder", _Part(rows), {"x": x}, outputs=("y",), axes={"x": {1: Axis("height", 2)}})

    program = export_program_for_onnx(part(8))

    assert (program.sizes is not None) == (rows in ("all", "three"))
    ir.save(trace(program, opset=18), tmp_path / "model.onnx")
    for height in (4, 6, 8):
        check_graph(tmp_path / "model.onnx", torch_reference(part(height)), tolerance=1e-6)
