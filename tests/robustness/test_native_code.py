"""What runs other people's native code says so when it is used."""

import pytest

from accel_bench.cli.options import choose_backend


@pytest.mark.parametrize(("provider", "warns"), [("inductor", True), ("cpu", False), ("openvino", False)])
def test_a_backend_that_runs_the_bundle_s_own_code_warns(
    provider: str, *, warns: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    choose_backend(provider)

    assert ("native code" in capsys.readouterr().err) is warns
