"""What an engine says of itself, for Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from accel_serve.engine.observer import Outcome, Refusal, Stage

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_IMAGES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class Metrics:
    """All numbers of a service; `of` gives those of one bundle."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.waiting = Gauge("accel_waiting_images", "Images in the queue.", ["model"], registry=self.registry)
        self.running = Gauge("accel_running_images", "Images of the running batch.", ["model"], registry=self.registry)
        self.stages = Histogram(
            "accel_stage_seconds",
            "Seconds of a stage.",
            ["model", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "accel_call_images", "Images of a call.", ["model", "stage"], buckets=_IMAGES, registry=self.registry
        )
        self.ended = Counter(
            "accel_requests", "Requests that ended, by how.", ["model", "outcome"], registry=self.registry
        )
        self.refused = Counter(
            "accel_refusals", "Requests that were not taken, by why.", ["model", "reason"], registry=self.registry
        )
        self.lowered = Counter(
            "accel_lowered_requests", "Requests that got a cheaper plan.", ["model"], registry=self.registry
        )
        self.answers = Counter("accel_http_responses", "Answers by status.", ["status"], registry=self.registry)
        self.lost_lines = Counter(
            "accel_log_lines_dropped", "Lines of the log that its reader did not take.", registry=self.registry
        )
        self.mode = Gauge(
            "accel_mode", "1 for how requests share calls.", ["model", "mode", "images"], registry=self.registry
        )

    def of(self, model: str) -> "ModelMetrics":
        """The numbers of one bundle."""
        return ModelMetrics(self, model)


class ModelMetrics:
    """An `accel_serve.engine.observer.Observer` that counts for Prometheus.

    Args:
        metrics: Has the counters.
        model: Name of the bundle.
    """

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._metrics, self._model = metrics, model

    def ran(self, stage: Stage, seconds: float, *, images: int) -> None:
        """See `Observer.ran`."""
        self._metrics.stages.labels(self._model, stage).observe(seconds)
        self._metrics.batch.labels(self._model, stage).observe(images)

    def ended(self, outcome: Outcome) -> None:
        """See `Observer.ended`."""
        self._metrics.ended.labels(self._model, outcome).inc()

    def refused(self, why: Refusal) -> None:
        """See `Observer.refused`."""
        self._metrics.refused.labels(self._model, why).inc()

    def load(self, *, waiting: int, running: int) -> None:
        """See `Observer.load`."""
        self._metrics.waiting.labels(self._model).set(waiting)
        self._metrics.running.labels(self._model).set(running)
