"""What the shipped profiles say is what records, sources and the documented formulas say."""

import json
import tomllib
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from accel_bench.benchmark.summary import PlanSummary, summarise
from accel_bench.evaluation.summary import TrialSummary, summarise_evaluation
from accel_bench.plans.names import plan_name
from accel_bench.profiles import (
    Config,
    Measured,
    Predicted,
    Profile,
    Published,
    encode_profile,
    find_profiles,
    load_profile,
)
from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.files import read_profile
from accel_bench.profiles.toml import convert
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import machine_name
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.store import Record, read_record
from accel_runtime.plans.spec import PlanSpec

ROOT = Path(__file__).parents[3]
RECORDS = ROOT / "docs" / "records"
NAMES = ["a100", "cpu", "h100", "h200", "mi250", "mi250x", "mi300x"]
GPUS = [name for name in NAMES if name != "cpu"]

# Seconds that a call's launches and the loop around it take at least (docs/profiles.md).
LEAST_S = 1.5e-3


@pytest.fixture(scope="module", params=NAMES)
def profile(request: pytest.FixtureRequest) -> Profile:
    return load_profile(str(request.param))


@pytest.fixture(scope="module")
def flops() -> dict[str, int]:
    """Of a bundle with more branches, whose record is of a format that is only read here."""
    raw = json.loads((RECORDS / "sd15-random-onnxruntime.json").read_bytes())
    flops: dict[str, int] = raw["bundle"]["flops"]
    return flops


def test_all_are_shipped() -> None:
    assert sorted(path.stem for path in (ROOT / "profiles").glob("*.toml")) == NAMES
    assert set(NAMES) <= find_profiles().keys()


def test_what_is_written_is_read_as_the_same(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / f"{profile.name}.toml"
    path.write_bytes(encode_profile(profile))

    assert read_profile(path) == profile


def test_every_source_is_used_and_has_an_address(profile: Profile) -> None:
    written = (ROOT / "profiles" / f"{profile.name}.toml").read_text()

    for name, source in profile.sources.items():
        assert f'source = "{name}"' in written
        assert source.url.startswith("https://")


def test_every_formula_is_documented(profile: Profile) -> None:
    page = (ROOT / "docs" / "profiles.md").read_text()
    figures = [figure for config in profile.configs.values() for _, figure in config.expected.items()]

    assert [f for f in figures if isinstance(f, Predicted) and f"| `{f.formula}` |" not in page] == []


# What a plan has whose coefficients were solved; the example's was not.
OF_OTHER_VERSIONS = ("skip", "rows", "solved_for", "rule", "tome", "tgate")


def test_the_example_of_the_documentation_is_a_profile() -> None:
    page = (ROOT / "docs" / "profiles.md").read_text()
    raw = tomllib.loads(dedent(page.partition("## Schema\n")[2].partition("\n`expected`")[0]))
    (config,) = raw["configs"].values()
    kept = {key: value for key, value in config.items() if key not in {"baseline", "expected"}}
    settings = {key: config["plan"][key] for key in ("scheduler", "steps")}
    raw["configs"]["sd15-b1-full"] = {**kept, "plan": {"deep": "full", **settings}}

    profile = convert(raw, Profile, file="docs/profiles.md")

    assert list(find_problems(profile)) == []
    assert set(config) == set(Config.__struct_fields__) - {"note"}
    assert set(config["plan"]) == set(PlanSpec.__struct_fields__) - {"version", "branches", *OF_OTHER_VERSIONS}


@pytest.mark.parametrize("name", GPUS)
def test_nothing_of_a_gpu_is_said_to_be_measured(name: str) -> None:
    figures = [figure for config in load_profile(name).configs.values() for _, figure in config.expected.items()]

    assert figures
    assert not any(isinstance(figure, Measured) for figure in figures)


@pytest.mark.parametrize("name", GPUS)
def test_what_is_predicted_follows_from_the_formulas(name: str, flops: dict[str, int]) -> None:
    profile = load_profile(name)
    formulas = {"flop-share": flop_share, "flop-share-and-tenth": flop_share_and_tenth}

    for config in profile.configs.values():
        for key, figure in config.expected.items():
            if isinstance(figure, Predicted) and figure.formula in formulas:
                full = profile.configs[config.baseline or ""].expected.latency_s
                share = formulas[figure.formula](config, flops, full_s=full.value if full else 0.0)
                expected = share * full.value if key == "latency_s" and full else 1 / share
                assert figure.value == pytest.approx(expected, rel=0.01)


def flop_share(config: Config, flops: dict[str, int], *, full_s: float) -> float:
    """The plan's time over the full one's, where the full one's is known."""
    deep, shallow, rest, full = work(config, flops)
    least = LEAST_S / full_s * full
    return plan_work(config, deep=deep, shallow=max(2 * shallow, least), rest=rest) / full


def flop_share_and_tenth(config: Config, flops: dict[str, int], *, full_s: float) -> float:
    """The same where it is not."""
    assert full_s == 0.0
    deep, shallow, rest, full = work(config, flops)
    return plan_work(config, deep=deep, shallow=2 * shallow + deep / 10, rest=rest) / full


def work(config: Config, flops: dict[str, int]) -> tuple[float, float, float, float]:
    """FLOPs of a guided deep call, a shallow one, text and VAE, and a whole uncached image."""
    deep, shallow = 2 * flops["unet_deep"], 2 * flops[f"unet_shallow_{config.plan.branch}"]
    rest = 2 * flops["text_encoder"] + flops["vae_decoder"]
    return deep, shallow, rest, config.steps * deep + rest


def plan_work(config: Config, *, deep: float, shallow: float, rest: float) -> float:
    calls = len(config.plan.deep_calls(config.steps))
    return calls * deep + (config.steps - calls) * shallow + rest


def test_mi250_is_predicted_from_mi250x_by_their_peaks() -> None:
    mi250, mi250x = load_profile("mi250"), load_profile("mi250x")
    ours, theirs = mi250.device.peak_flops.fp16, mi250x.device.peak_flops.fp16
    assert ours
    assert theirs

    for name in ("sd15-b4-full", "sd15-b8-full"):
        figure, anchor = mi250.configs[name].expected.latency_s, mi250x.configs[name].expected.latency_s
        assert isinstance(figure, Predicted)
        assert figure.formula == "peak-ratio"
        assert isinstance(anchor, Published)
        assert figure.value == pytest.approx(anchor.value * theirs.value / ours.value, rel=0.01)


def test_h100_is_predicted_from_its_steps(flops: dict[str, int]) -> None:
    config = load_profile("h100").configs["sd15-b1-full"]
    rate, figure = config.expected.steps_per_s, config.expected.latency_s
    deep, _, _, full = work(config, flops)

    assert isinstance(rate, Published)
    assert isinstance(figure, Predicted)
    assert figure.value == pytest.approx(config.steps / rate.value * full / (config.steps * deep), rel=0.01)


@pytest.mark.parametrize("name", GPUS)
def test_no_expected_latency_is_below_what_the_peak_allows(name: str, flops: dict[str, int]) -> None:
    profile = load_profile(name)

    for config in profile.configs.values():
        if latency := config.expected.latency_s:
            deep, shallow, rest, _ = work(config, flops)
            peak = profile.device.peak_flops.of(config.dtype)
            assert peak
            least_s = config.batch * plan_work(config, deep=deep, shallow=shallow, rest=rest) / peak.value
            assert latency.value > least_s


def test_what_is_measured_is_what_the_records_say() -> None:
    records, checked = stored_records(), 0

    for config in load_profile("cpu").configs.values():
        for key, figure in config.expected.items():
            assert isinstance(figure, Measured)
            record = records[figure.record]
            if isinstance(record, BenchRecord):
                known = of_run(config, summarise(record).plans)
            else:
                assert isinstance(record, EvaluationRecord)
                known = of_trial(config, summarise_evaluation(record))
            assert figure.value == pytest.approx(known[key], rel=0.03 if key == "score_loss" else 0.005)
            checked += 1
    assert checked == 22


def stored_records() -> dict[str, Record]:
    """By id, the records that docs show; records of other kinds have pages of their own."""
    names = ("tiny-quality-2-cores", "sd15-random-2-cores")
    return {record.id: record for record in (read_record(RECORDS / f"{name}.json") for name in names)}


def of_trial(config: Config, trials: tuple[TrialSummary, ...]) -> dict[str, float | None]:
    plan = config.plan
    forecast = None if plan.deep == "full" else plan.forecast.value
    (trial,) = (t for t in trials if (t.plan, t.forecast, t.branch or 0) == (plan.deep, forecast, plan.branch))
    return {
        "latency_s": trial.batch_s.median,
        "speedup": trial.speedup.median,
        "psnr_db": trial.psnr,
        "score_loss": trial.score_loss,
    }


def of_run(config: Config, runs: tuple[PlanSummary, ...]) -> dict[str, float | None]:
    shared = msgspec.structs.replace(config.plan, scheduler=None, steps=None)
    (run,) = (run for run in runs if run.name == plan_name(shared))
    return {"latency_s": run.image_s.median, "speedup": run.speedup.median}


def test_measured_configs_are_those_of_the_records() -> None:
    configs = load_profile("cpu").configs
    written = tomllib.loads((ROOT / "profiles" / "cpu.toml").read_text())["configs"]

    for name, config in configs.items():
        latency = config.expected.latency_s
        assert isinstance(latency, Measured)
        record = stored_records()[latency.record]
        for key in ("scheduler", "steps"):
            assert getattr(record.workload, key) == written[name]["plan"][key]
        for key in ("guidance", "width", "height", "batch"):
            assert getattr(record.workload, key) == written[name][key]
        assert (record.bundle.source, record.bundle.weights) == (config.model, config.weights)
        assert latency.machine == machine_name(record.environment)
