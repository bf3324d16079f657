"""The source that is generated: what goes in comes out, and it is laid out as ruff does it."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.codegen.lab import write_lab
from tests.solved import solved_plan

from accel_bench.codegen import Choice, Defaults, Target, all_choices, generate_script
from accel_bench.codegen.settings import schedule_table
from accel_bench.codegen.template import assignment, comment, literal
from accel_bench.profiles import find_profiles
from accel_runtime.errors import InputError
from accel_runtime.plans.compile import compile_plan
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.plan import Shallow
from accel_runtime.plans.rule import Rule
from accel_runtime.plans.solved import SolvedFor
from accel_runtime.plans.spec import PlanSpec

SCALARS = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS).map(tuple), st.dictionaries(st.text(), SCALARS))

# Strings that end a literal, a line or a file where they are put in as they are.
NASTY = [
    '"',
    "'",
    'it\'s a "cat"',
    "'''\"\"\"",
    "a\\",
    "C:\\new\\table",
    "a\nb",
    "a\r\x0c\x85\u2028b",
    "\x00",
    "\udc80",
    "{x}",
    "",
]

SOLVED_FOR = SolvedFor(model="9c" * 32, guidance=4.0, height=64, width=64)


@given(VALUES)
def test_any_value_survives(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value
    assert ast.literal_eval(assignment("NAME", value).removeprefix("NAME = ")) == value


@given(st.text())
def test_a_comment_is_a_comment_whatever_it_says(text: str) -> None:
    source = "\n".join(comment(text))

    assert ast.parse(source).body == []


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("target", Target)
def test_no_prompt_path_or_title_breaks_a_script(text: str, target: Target, tmp_path: Path) -> None:
    # TOML holds neither NUL nor half a pair of surrogates; a command line may hold the latter.
    choice = write_lab(tmp_path, "a/model", title=text.translate({0: None, 0xDC80: None}))
    source = generate_script(
        choice, target, defaults=Defaults(prompt=text, bundle=text or "b", model=text or "m"), name=text
    )

    values = constants(source)

    assert values["PROMPT"] == text
    assert text in (values.get("BUNDLE"), values.get("MODEL"), "")
    source.encode()


def constants(source: str) -> dict[str, object]:
    """The strings that a script assigns at its top, by name."""
    found: dict[str, object] = {}
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in ("PROMPT", "BUNDLE", "MODEL"):
            found[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]  # both kinds have it
    return found


def every_choice(folder: Path) -> list[Choice]:
    """What is shipped, and configs with all that makes lines long."""
    plan = "calls:" + ",".join(map(str, range(0, 60, 2)))
    weights = "{ 1 = [0.123456789], 3 = [1.23456789, -0.23456789], 59 = [0.5] }"
    odd = write_lab(folder, "a/'model'", plan=plan, steps=50, batch=2, weights=weights)
    solved = solved_plan((0, 7, 31), shallow=(8,), calls=50, solved_for=SOLVED_FOR)
    (folder / "solved").mkdir()
    skips = write_lab(folder / "solved", "tiny", spec=solved)
    return [odd, skips, *(choice for name in find_profiles() for choice in all_choices(name))]


def test_every_shipped_config_becomes_source_that_ruff_would_leave_as_it_is(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for choice in every_choice(tmp_path):
        for target in Target:
            if target is Target.DIFFUSERS and choice.config.model == "sdxl":
                continue  # refused; see `test_script.py`
            name = f"{choice.profile.name}-{choice.digest[:6]}-{choice.name}-{target}.py"
            source = generate_script(choice, target, defaults=Defaults(prompt='it\'s a "cat"'), name=name)
            (scripts / name).write_text(source)

    for action in (["check"], ["format", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *action, "--isolated", "--no-cache", str(scripts)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_a_script_holds_solved_rows_as_they_are(tmp_path: Path) -> None:
    spec = solved_plan((0, 7, 31), calls=50, solved_for=SOLVED_FOR)
    choice = write_lab(tmp_path, "tiny", spec=spec)
    ours, theirs = (generate_script(choice, target, defaults=Defaults(), name="run.py") for target in Target)

    assert constant(ours, "PLAN", tmp_path) == spec
    assert [row[2:] for row in constant(theirs, "ROWS", tmp_path)] == [
        ((1.0,), (-0.05, 0.0)),
        ((1.0,), (-0.05, 0.01)),
        ((1.0,), (-0.05, 0.01)),
    ]
    assert "SCHEDULER_CLASS" not in theirs
    assert "(only" not in ours + theirs


def test_a_script_for_diffusers_has_the_scales_and_the_weights_of_the_compiled_plan(tmp_path: Path) -> None:
    spec = solved_plan((0, 2, 6), shallow=(3, 8), scheduler="euler", forecast=Forecast.QUADRATIC)
    choice = write_lab(tmp_path, "tiny", spec=spec)
    plan = compile_plan(spec, schedule_table(choice.config), guidance=7.5)
    source = generate_script(choice, Target.DIFFUSERS, defaults=Defaults(), name="run.py")

    rows = [(row.timestep, row.input_scale, row.a, row.b) for row in plan.schedule.rows]
    assert [*constant(source, "ROWS", tmp_path)] == rows
    assert max(scale for _, scale, _, _ in rows) < 1
    assert constant(source, "FORECAST_WEIGHTS", tmp_path) == {
        call: each.forecast for call, each in enumerate(plan.calls) if isinstance(each, Shallow)
    }


def test_a_script_without_solved_rows_has_no_scheduler_of_its_own() -> None:
    choice = next(each for each in all_choices("cpu") if each.name == "tiny-ddim50-every3")
    sources = [generate_script(choice, target, defaults=Defaults(), name="run.py") for target in Target]

    assert not any(word in source for source in sources for word in ("Solved", "ROWS", "(only", "(end"))


def test_solved_rows_for_another_schedule_are_refused_before_a_script_is_written(tmp_path: Path) -> None:
    choice = write_lab(tmp_path, "tiny", spec=solved_plan((0, 7), calls=10, scheduler="euler_a"))

    with pytest.raises(InputError, match="euler_a draws noise at its calls"):
        generate_script(choice, Target.DIFFUSERS, defaults=Defaults(), name="run.py")


@pytest.mark.parametrize("target", list(Target))
def test_a_config_that_decides_as_it_runs_has_no_script(tmp_path: Path, target: Target) -> None:
    rule = Rule(signal="noise", threshold=0.3, most_deep=3)
    choice = write_lab(tmp_path, "tiny", spec=PlanSpec(deep=(0,), rule=rule, scheduler="ddim", steps=4))

    assert choice.config.plan.rule == rule
    with pytest.raises(InputError, match="config one: no script decides as it runs"):
        generate_script(choice, target, defaults=Defaults(), name="run.py")


@pytest.mark.parametrize("model", ["sdxl", "sdxl-turbo", "lcm-sd15"])
def test_a_script_for_diffusers_drives_one_pipeline_and_a_model_of_another_is_refused(
    tmp_path: Path, model: str
) -> None:
    choice = write_lab(tmp_path, model)

    with pytest.raises(InputError, match=f"model '{model}': expected one of StableDiffusionPipeline"):
        generate_script(choice, Target.DIFFUSERS, defaults=Defaults(), name="run.py")
    assert model in generate_script(choice, Target.RUNTIME, defaults=Defaults(), name="run.py")


def constant(source: str, name: str, folder: Path) -> Any:
    """The value that a script gives a constant at its top."""
    (folder / "run.py").write_text(source)
    return runpy.run_path(str(folder / "run.py"))[name]


def test_a_script_says_where_its_config_is_from_and_what_it_should_give() -> None:
    choice = next(each for each in all_choices("cpu") if each.name == "tiny-ddim50-every3")
    source = generate_script(choice, Target.RUNTIME, defaults=Defaults(), name="mine.py")

    assert (
        "# Config tiny-ddim50-every3 of profile cpu (Any processor), compared with config\n# tiny-ddim50-full."
        in source
    )
    assert choice.digest in source
    assert "# Expected: a speed-up of 1.78, measured on AMD EPYC, 2 cores." in source
    assert "#     accel export tiny --branches 0 --schedulers ddim --max-steps 50 -o tiny-bundle" in source
    assert "#     python mine.py" in source


def test_a_script_for_diffusers_knows_nothing_of_ours() -> None:
    source = generate_script(all_choices("mi250")[1], Target.DIFFUSERS, defaults=Defaults(), name="run.py")
    modules = {name for node in ast.walk(ast.parse(source)) for name in imported(node)}

    assert modules - sys.stdlib_module_names == {"diffusers", "torch"}
    assert 'MODEL: str | None = "stable-diffusion-v1-5/stable-diffusion-v1-5"' in source


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return [alias.name.partition(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []
