from collections.abc import Callable
from functools import cache

import numpy as np
import onnx_ir as ir
import pytest
import torch
from onnxscript.optimizer import optimize as optimize_by_onnxscript
from tests.exporter.pipelines import TOKENS, tiny_text_encoder, tiny_unet, tiny_vae
from torch import Tensor, nn

from accel_exporter import graphs, text_graphs, translate
from accel_exporter.check import relative_error
from accel_exporter.graphs import Sizes, Traceable
from accel_exporter.passes import clean
from accel_exporter.program import Program, export_program, quiet
from accel_exporter.trace import trace

SIZES = Sizes(batch=2, latent_height=8, latent_width=12)
PARTS: dict[str, Callable[[], Traceable]] = {
    "unet": lambda: graphs.unet_deep(tiny_unet(), (0, 1), sizes=SIZES, text_length=TOKENS),
    "vae_decoder": lambda: graphs.vae_decoder(tiny_vae(), SIZES),
    "vae_encoder": lambda: graphs.vae_encoder(tiny_vae(), SIZES),
    "text_encoder": lambda: text_graphs.text_encoder(tiny_text_encoder(), SIZES, length=TOKENS),
}


@cache
def program_of(part: str) -> Program:
    return export_program(PARTS[part](), is_static=False)


def by_torch(program: Program, *, opset: int) -> ir.Model:
    """The graph that torch's and onnxscript's own ways make."""
    with torch.no_grad(), quiet():
        made = torch.onnx.export(
            program.exported,
            dynamo=True,
            opset_version=opset,
            input_names=list(program.traceable.inputs),
            output_names=list(program.traceable.outputs),
            optimize=False,
            verbose=False,
        )
        assert made is not None
        return optimize_by_onnxscript(made.model, num_iterations=1)


def written_out(model: ir.Model) -> list[object]:
    """Nodes in order, with attributes, what feeds each, and the weights; values by number, for their names are free."""
    numbers: dict[int, object] = {}

    def number(value: ir.Value | None) -> object:
        if value is None:
            return None
        if value.const_value is not None:
            tensor = value.const_value
            return (tensor.dtype, tuple(tensor.shape.numpy()), tensor.numpy().tobytes())
        return numbers.setdefault(id(value), len(numbers))

    nodes: list[object] = [[number(value) for value in model.graph.inputs]]
    for node in model.graph:
        attributes = {key: str(attribute.value) for key, attribute in sorted(node.attributes.items())}
        nodes.append((node.op_type, attributes, [number(v) for v in node.inputs], [number(v) for v in node.outputs]))
    return [*nodes, [number(value) for value in model.graph.outputs], model.opset_imports[""]]


@pytest.mark.parametrize(
    ("part", "opset"), [*((part, 18) for part in PARTS), pytest.param("unet", 23, marks=pytest.mark.slow)]
)
def test_a_graph_translated_without_a_second_trace_is_the_one_that_torch_exports(part: str, opset: int) -> None:
    program = program_of(part)
    expected = by_torch(program, opset=opset)

    made = trace(program, opset=opset)  # after the other, so that it must have left the program as it was

    clean(expected)
    clean(made)
    assert written_out(made) == written_out(expected)
    assert [value.name for value in made.graph.outputs] == list(program.traceable.outputs)


@pytest.mark.parametrize("part", ["unet", "vae_decoder", "vae_encoder"])
def test_unet_and_vae_take_the_short_way(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: pytest.fail("the module is traced a second time"))

    trace(program_of(part), opset=18)


class _Mixed(nn.Module):
    """What ONNX would refuse as it stands: a sum of an integer and a float, and a remainder that torch decomposes."""

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(x.shape[1])
        return nn.functional.mish(x + count) * x.new_zeros(1).add(count.float().mean())


def test_a_graph_that_needs_decompositions_and_promotions_still_gets_them() -> None:
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    traceable = Traceable("mixed", "decoder", _Mixed(), {"x": x}, outputs=("y",), axes={})
    program = export_program(traceable, is_static=True)

    model = trace(program, opset=18)

    import onnxruntime as ort

    session = ort.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"x": x.numpy()})
    assert relative_error(np.asarray(made), _Mixed()(x).numpy()) <= 1e-6


def test_the_program_keeps_its_dropouts_and_casts_for_whoever_compiles_it_next() -> None:
    program = program_of("unet")
    before = [str(node.target) for node in program.exported.graph.nodes]

    simple = translate.simplified(program.exported)

    assert [str(node.target) for node in program.exported.graph.nodes] == before
    assert "aten.dropout.default" in before
    assert "aten.dropout.default" not in {str(node.target) for node in simple.graph.nodes}
