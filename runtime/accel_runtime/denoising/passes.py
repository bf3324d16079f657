"""A plan's calls on the UNet: the features of the last deep calls, and what shallow calls are given of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Self

from accel_runtime.backends.base import Array, Buffer
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.denoising.forecaster import Forecaster, HostForecaster
from accel_runtime.denoising.kept import Kept
from accel_runtime.denoising.unet import UNet
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow


class Passes:
    """Runs deep and shallow calls. The features of the last deep calls stay in a ring of fixed buffers.

    Args:
        unet: Runs the graphs.
        branches: The branches that shallow calls may use.
        history: How many deep features a shallow call may look back on.
        weighed: The branches whose features are forecast, and not only held.
        forecaster: Makes forecasts; None for numpy's.
        gates: Whether calls keep what cross-attentions give, and gated ones take it.
    """

    def __init__(
        self,
        unet: UNet,
        *,
        branches: Collection[int],
        history: int,
        weighed: Collection[int],
        forecaster: Forecaster | None = None,
        gates: bool = False,
    ) -> None:
        self.unet = unet
        self._history = history
        self._forecaster = forecaster or HostForecaster()
        self._ring = [{branch: unet.new_feature(branch) for branch in branches} for _ in range(history)]
        self._forecasts = {branch: unet.new_feature(branch) for branch in weighed}
        self._kept = Kept(unet, self._forecaster) if gates else None
        self._deep_calls = 0

    @classmethod
    def of(cls, unet: UNet, plan: Plan, *, forecaster: Forecaster | None = None) -> Self:
        """What a plan needs.

        Raises:
            InputError: The graphs are fixed to other sizes than the plan's calls have.
        """
        for guided in {call.guided for call in plan.calls}:
            unet.check_call(guided=guided)
        cut = [call for call in plan.calls if isinstance(call, Shallow)]
        weighed = {call.branch for call in cut if plan.forecast.history > 1 or not _holds(call)}
        return cls(
            unet,
            branches=plan.branches,
            history=plan.history,
            weighed=weighed,
            forecaster=forecaster,
            gates=plan.keeps,
        )

    def restart(self, conditioning: Conditioning) -> None:
        """Begin another request of the same plan and sizes, in the same buffers."""
        self._deep_calls = 0
        self.unet.condition(conditioning)

    def run(self, call: Call, sample: Array, *, timestep: float, index: int) -> Array:
        """One call between arrays of the host.

        Args:
            call: The plan's entry.
            sample: The scaled latents, [B, C, h, w].
            timestep: Timestep for the UNet.
            index: Number of the call.

        Returns:
            The noise, [2B, C, h, w] where the call is guided (negative half first) and [B, C, h, w] where it is not;
            memory that the next call overwrites.
        """
        self.unet.prepare(sample, timestep)
        self.execute(call, index)
        return self.unet.noise(guided=call.guided).read()

    def execute(self, call: Call, index: int) -> None:
        """Run a pass, as call number ``index``, on what the UNet's `sample` and `timestep` hold."""
        self.unet.begin(index)
        kept = self._kept_for(call)
        if isinstance(call, Deep):
            self._deep_calls += 1
            self.unet.deep(self._past(0), guided=call.guided, tome=call.tome, gate=call.gate, kept=kept)
        else:
            feature = self._feature(call)
            self.unet.shallow(call.branch, feature, guided=call.guided, tome=call.tome, gate=call.gate, kept=kept)
        if self._kept is not None and call.gate == "keeps":
            self._kept.settle(guided=call.guided)

    def feature(self, branch: int) -> Buffer:
        """The feature of the last deep call, with all rows."""
        return self._past(0)[branch]

    def load(self, branch: int, features: Sequence[Array]) -> None:
        """Take features of a branch, newest first, for those of the last deep calls."""
        self._deep_calls = len(features)
        for age, values in enumerate(features):
            self._past(age)[branch].write(values)

    def _kept_for(self, call: Call) -> Mapping[str, Buffer]:
        """Where a keeping call writes, or a gated one reads."""
        if self._kept is None or call.gate == "open":
            return {}
        return self._kept.fresh if call.gate == "keeps" else self._kept.settled

    def _past(self, age: int) -> dict[int, Buffer]:
        """The features of the last deep call but ``age``."""
        return self._ring[(self._deep_calls - 1 - age) % self._history]

    def _feature(self, call: Shallow) -> Buffer:
        """The buffer that holds the forecast; where the last feature is held, that feature's own buffer."""
        if _holds(call):
            return self.feature(call.branch)
        target = self._forecasts[call.branch]
        past = [self._rows(self._past(age)[call.branch], call) for age in range(len(call.forecast))]
        self._forecaster.combine(past, call.forecast, target=self._rows(target, call))
        return target

    def _rows(self, buffer: Buffer, call: Shallow) -> Buffer:
        return self.unet.rows(buffer, guided=call.guided)


def _holds(call: Shallow) -> bool:
    """Whether the last deep feature is taken as it is."""
    return call.forecast == (1.0,)
