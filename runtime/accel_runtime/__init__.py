"""Run a bundle: text to image with numpy and an ONNX runtime, without torch.

>>> from accel_runtime import Request, open_bundle        # doctest: +SKIP
>>> pipeline = open_bundle("my-bundle")                   # doctest: +SKIP
>>> plan = pipeline.plan(20, "every:3")                   # doctest: +SKIP
>>> pipeline.generate(Request(("a squirrel",)), plan)     # doctest: +SKIP
"""

from accel_runtime.bundle.bundle import Bundle, read_bundle
from accel_runtime.denoising.loop import Step
from accel_runtime.errors import (
    AccelError,
    BackendError,
    BundleError,
    ExportError,
    InputError,
    MissingExtraError,
    SourceError,
)
from accel_runtime.manifest import Manifest
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.doubts import PlanDoubt, plan_doubts
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Deep, Plan, Shallow
from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome
from accel_runtime.request import Request, Result
from accel_runtime.schedules.schedule import ScheduleTable

__all__ = [
    "AccelError",
    "BackendError",
    "Bundle",
    "BundleError",
    "Deep",
    "ExportError",
    "Forecast",
    "InputError",
    "Manifest",
    "MissingExtraError",
    "Pipeline",
    "Plan",
    "PlanDoubt",
    "PlanSpec",
    "Request",
    "Result",
    "ScheduleTable",
    "Shallow",
    "SolvedFor",
    "SolvedRow",
    "SourceError",
    "Step",
    "Tome",
    "compile_plan",
    "open_bundle",
    "plan_doubts",
    "read_bundle",
    "read_plan",
    "resolve_plan",
]
