"""What bfloat16 alone does to the uncached pictures: plans that are nearer cannot be told apart where it runs."""

from collections.abc import Generator

from accel_bench.plans.prepare import compile_for
from accel_bench.records.evaluation import Scores
from accel_bench.search.driver import Driver, joined
from accel_bench.search.space import FULL
from accel_runtime.backends.openvino import OpenVinoBackend
from accel_runtime.errors import BackendError, MissingExtraError
from accel_runtime.pipeline import Pipeline


def judge_bfloat16(driver: Driver, batches: int) -> Generator[str, None, Scores | None]:
    """Draw the judged pictures uncached in bfloat16, yielding after every batch; what the folder has stays.

    Returns:
        Their scores; None where the baseline is not in float32, its weights are random, or nothing here computes in
        bfloat16.
    """
    known = driver.store.bfloat16()
    pipeline = in_bfloat16(driver.pipeline) if len(known) < batches else None
    if pipeline is not None:
        plan = compile_for(pipeline, FULL.spec, settings=driver.settings)
        for batch in range(len(known), batches):
            pictures = pipeline.generate(driver.prompts.judged[batch], plan).images
            known = (*known, driver.score_batch(pictures, batch))
            driver.store.keep_bfloat16(known)
            yield f"full in bfloat16, batch {batch + 1}"
    return joined(known[:batches]) if len(known) >= batches else None


def in_bfloat16(pipeline: Pipeline) -> Pipeline | None:
    """The same bundle by OpenVINO in bfloat16; None where that is not another precision, or cannot be had."""
    manifest, ran = pipeline.bundle.manifest, pipeline.describe()
    is_float32 = (
        manifest.dtype == "float32" and manifest.int8 is None and ran.options.get("inference_precision", "f32") == "f32"
    )
    if not is_float32 or pipeline.backend.artifact != "onnx" or manifest.provenance.weights == "random":
        return None
    try:
        return Pipeline(pipeline.bundle, OpenVinoBackend(precision="bf16"))
    except (BackendError, MissingExtraError):
        return None
