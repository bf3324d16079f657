"""What a search chose, written into a profile that `accel bench --profile` replays."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final, Literal

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from accel_bench.base.dtypes import DType
from accel_bench.base.stats import median_ratio
from accel_bench.doctor.devices import read_devices
from accel_bench.profiles import (
    BackendChoice,
    Config,
    Expected,
    Measured,
    Profile,
    encode_profile,
    list_profiles,
    matches,
)
from accel_bench.profiles.files import config_table, parse_profile, read_profile
from accel_bench.profiles.schema import is_id
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import machine_name
from accel_bench.records.search import SearchRecord, Tried
from accel_bench.search.summary import quality_of
from accel_runtime.durable import PATIENCE_S, lock, write_bytes
from accel_runtime.errors import InputError

_SUFFIX: Final = ".toml"


def check_profile(path: Path, *, on_host: bool) -> None:
    """Refuse a profile that cannot be written, before any work is done.

    Raises:
        InputError: Its name is not one, what lies there is no profile, or none is for this machine's device.
    """
    if path.suffix != _SUFFIX or not is_id(path.stem):
        raise InputError(f"--write-profile {path}: expected a file such as mine.toml")
    if not path.parent.is_dir():
        raise InputError(f"--write-profile {path}: the folder {path.parent} does not exist")
    if path.exists():
        read_profile(path)
    else:
        _template(on_host=on_host)


def write_profile(
    path: Path, record: SearchRecord, finalists: BenchRecord, *, model: str, dtype: DType, provider: str, on_host: bool
) -> tuple[str, str]:
    """Add the chosen config and its baseline; configs of those ids are replaced, all else stays as it is.

    Args:
        path: A profile, which is made if it is not there.
        record: With a chosen candidate.
        finalists: Their timing.
        model: Model as for `accel export`.
        dtype: Precision of the bundle.
        provider: Provider that ran.
        on_host: Whether that is a processor's.

    Returns:
        Ids of the chosen config and of the baseline.

    Raises:
        InputError: No known profile is of this machine's device, or the file cannot be read.
        WriteError: It cannot be written.
    """
    chosen = next(tried for tried in record.tried if tried.id == record.chosen)
    baseline = record.tried[0]
    names = _names(record, chosen, model=model, dtype=dtype)
    configs = {
        names[1]: _config(record, baseline, finalists, model=model, dtype=dtype, baseline=None),
        names[0]: _config(record, chosen, finalists, model=model, dtype=dtype, baseline=names[1]),
    }
    with lock(path, patience_s=PATIENCE_S):
        if path.exists():
            raw = _extended(path, configs)
        else:
            raw = encode_profile(_fresh(path.stem, configs, provider=provider, on_host=on_host))
        parse_profile(raw.decode(), file=str(path), name=path.stem)
        write_bytes(path, raw)
    return names


def _names(record: SearchRecord, chosen: Tried, *, model: str, dtype: DType) -> tuple[str, str]:
    """Ids that name everything in which two configs of one speed-up may differ."""
    work = record.workload
    size, guidance = f"{work.width}x{work.height}", f"g{work.guidance:g}"
    start = "-".join((_word(Path(model).name), size, _word(work.scheduler), str(work.steps), guidance, dtype))
    speedup = median_ratio(record.tried[0].image_s, chosen.image_s)
    return f"{start}-{speedup:.1f}x", f"{start}-full"


def _word(text: str) -> str:
    """The letters and digits of a name, for an id."""
    return "".join(sign for sign in text.lower() if sign.isalnum() and sign.isascii()) or "model"


def _config(
    record: SearchRecord, tried: Tried, finalists: BenchRecord, *, model: str, dtype: DType, baseline: str | None
) -> Config:
    work = record.workload
    weights: Literal["trained", "random"] = "random" if record.bundle.weights == "random" else "trained"
    return Config(
        model=model,
        weights=weights,
        width=work.width,
        height=work.height,
        batch=1,
        dtype=dtype,
        guidance=work.guidance,
        plan=tried.facts.plan.with_defaults(steps=work.steps, scheduler=work.scheduler),
        baseline=baseline,
        expected=_expected(record, tried, finalists, is_baseline=baseline is None),
        note=f"found by accel search --strategy {record.asked.strategy}, record {record.id}",
    )


def _expected(record: SearchRecord, tried: Tried, finalists: BenchRecord, *, is_baseline: bool) -> Expected:
    machine = machine_name(record.environment)

    def timed(value: float) -> Measured:
        return Measured(value, record=finalists.id, machine=machine)

    latency = timed(round(median(tried.image_s), 6))
    if is_baseline:
        return Expected(latency_s=latency)
    quality = quality_of(tried, record)
    pictures = len(tried.scores.squared_error)

    def judged(value: float, note: str) -> Measured:
        return Measured(round(value, 6), record=record.id, machine=machine, note=note)

    return Expected(
        latency_s=latency,
        speedup=timed(round(median_ratio(record.tried[0].image_s, tried.image_s), 4)),
        psnr_db=None if quality.psnr is None else judged(quality.psnr, f"{pictures} pictures"),
        score_loss=judged(quality.loss, f"{record.goal.score}, {pictures} pictures"),
    )


def _fresh(name: str, configs: Mapping[str, Config], *, provider: str, on_host: bool) -> Profile:
    """A profile for the device of this machine, with the facts of the shipped one."""
    known = _template(on_host=on_host)
    return msgspec.structs.replace(
        known,
        name=name,
        title=f"{known.title}, searched",
        backends=(BackendChoice(provider),),
        configs=dict(configs),
    )


def _template(*, on_host: bool) -> Profile:
    devices = read_devices()
    for known in list_profiles():
        is_here = any(matches(known.device, device) for device in devices)
        if is_here and (known.device.kind == "cpu") == on_host:
            return known
    raise InputError("--write-profile: no known profile is for this machine's device: name an existing one of yours")


def _extended(path: Path, configs: Mapping[str, Config]) -> bytes:
    """The file with these configs in it, comments and all."""
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TOMLKitError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    table = document.setdefault("configs", tomlkit.table(is_super_table=True))
    for name, config in configs.items():
        table[name] = config_table(config)
    return tomlkit.dumps(document).encode()
