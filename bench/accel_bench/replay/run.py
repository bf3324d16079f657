"""Run the configs of a profile, group by group."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accel_bench.base.dtypes import LONG_NAMES
from accel_bench.benchmark.record import make_record
from accel_bench.benchmark.roofline import measured_peaks
from accel_bench.bundle_cache import find_or_export
from accel_bench.plans.prepare import Settings, prepare
from accel_bench.plans.workload import request_of
from accel_bench.profiles import Config
from accel_bench.records.bench import BenchRecord, Peaks, ProfileUse
from accel_bench.records.environment import read_environment
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.replay.groups import Group, bundle_spec, group
from accel_bench.replay.place import Place, adapt, fit
from accel_bench.replay.quality import QualityCheck
from accel_bench.timing.measure import Measurement, StopRule, measure
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.backends import Backend
from accel_runtime.bundle.bundle import Bundle, read_bundle


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """How configs are run.

    Attributes:
        profile: Name of the profile.
        sha256: Hash of its file.
        place: Device that runs.
        provider: Name of ``backend``.
        model: Model to run in place of the configs'; None for their own.
        bundle: Bundle to run in place of exported ones.
        cache: Folder for exported bundles.
        prompt: Prompt that is drawn for timing.
        check: Measures quality; None where only times are measured.
        records: Record of each group that has been run.
        evaluations: Evaluations by the id of the record; only for trained weights.
    """

    profile: str
    sha256: str
    place: Place
    provider: str
    backend: Backend
    stop: StopRule
    cache: Path
    prompt: str
    model: str | None = None
    bundle: Path | None = None
    check: QualityCheck | None = None
    records: list[BenchRecord] = field(default_factory=list)
    evaluations: dict[str, EvaluationRecord] = field(default_factory=dict)

    def run(self, configs: Mapping[str, Config], known: Mapping[str, Config]) -> Iterator[str]:
        """Run configs and add their records to ``records``, yielding what is being done.

        Args:
            configs: Configs to run.
            known: All configs of the profile, the baselines among them.

        Raises:
            AccelError: A bundle cannot be made, or cannot run a config.
        """
        adapted = {name: self._adapt(config) for name, config in configs.items()}
        groups = group({name: config for name, (config, _) in adapted.items()}, known)
        if self.check is not None:
            for each in groups:
                self.check.check(each.work.batch)
        for each in groups:
            told = {word: None for name in each.configs for word in adapted[name][1]}
            bundle = yield from self._bundle(each, groups)
            originals = [configs[name] for name in each.configs]
            yield from self._measure(each, bundle, model=originals[0].model, told=tuple(told))

    def _adapt(self, config: Config) -> tuple[Config, tuple[str, ...]]:
        return adapt(config, model=self.model, on_host=self.backend.on_host and self.backend.artifact == "onnx")

    def _bundle(self, chosen: Group, groups: Sequence[Group]) -> Generator[str, None, Bundle]:
        if self.bundle is not None:
            return read_bundle(self.bundle)
        spec = bundle_spec(chosen.work, groups, provider=self.provider)
        folder = yield from find_or_export(spec, into=self.cache)
        return read_bundle(folder)

    def _measure(self, chosen: Group, bundle: Bundle, *, model: str, told: tuple[str, ...]) -> Iterator[str]:
        work, resized = fit(chosen.work, bundle.manifest.state.sample_size, model=model)
        settings = Settings(
            steps=work.steps, scheduler=work.scheduler, guidance=work.guidance, batch=work.batch, seed=0
        )
        timed = TimedPipeline.open(bundle, self.backend)
        trials = prepare(timed.pipeline, tuple(chosen.plans.values()), settings=settings)
        request = request_of(self.prompt, settings, size=(work.height, work.width), manifest=bundle.manifest)
        contenders = [timed.contender(each, request=request) for each in trials]
        environment, measurement = read_environment(), Measurement()
        for name in measure(contenders, self.stop, into=measurement):
            yield f"{work.model}, batch {work.batch}: {name}"
        instead = (*self.place.instead, *told, *resized)
        record = make_record(
            contenders,
            measurement,
            environment=environment,
            settings=settings,
            profile=ProfileUse(self.profile, self.sha256, chosen.names, comparable=not instead, instead=instead),
            peaks=self._peaks() or measured_peaks(self.backend, measurement.yardstick_s),
        )
        self.records.append(record)
        if self.check is not None and record.bundle.weights == "trained":
            evaluation = yield from self.check.judge(timed.pipeline, trials, settings=settings, work=work)
            self.evaluations[record.id] = evaluation

    def _peaks(self) -> Peaks | None:
        device = self.place.profile.device
        known = {long: device.peak_flops.of(short) for short, long in LONG_NAMES.items()}
        flops = {name: fact.value for name, fact in known.items() if fact is not None}
        if not flops:
            return None
        bandwidth = None if device.bandwidth is None else device.bandwidth.value
        return Peaks(flops, bandwidth, source=f"profile {self.place.profile.name}")
