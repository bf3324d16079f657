"""The page as text: what it holds, for which records."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest
from tests.bench.report.records import (
    BACKEND,
    CACHED,
    FULL,
    WORK,
    bench_record,
    evaluation_record,
    peer_run,
    plan_run,
)
from tests.bench.report.search_records import search_record

from accel_bench.records.bench import ProfileUse
from accel_bench.records.parts import BundleFacts, Doubt, PlanFacts
from accel_bench.records.store import PictureRecord
from accel_bench.report.page import render_page, render_report
from accel_bench.report.reproduce import command
from accel_bench.report.section import Section
from accel_bench.report.sections.bench import scores_of
from accel_runtime.backends import BackendDescription, make_backend
from accel_runtime.plans.forecast import Forecast

RANDOM = BundleFacts("d" * 64, "small", "random", (8, 8), bench_record().bundle.graphs)
VOID = {"meta", "link", "br", "img"}


class Balance(HTMLParser):
    """Follows which elements are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_element_is_closed_and_every_id_distinct() -> None:
    page = render_report([bench_record(peers=(peer_run(),)), evaluation_record(), search_record()])

    balance = Balance()
    balance.feed(page)

    assert balance.open == []
    assert len(balance.ids) == len(set(balance.ids))


def test_nothing_is_fetched() -> None:
    page = render_report([bench_record(), evaluation_record(), search_record()])

    assert "<script" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert "default-src 'none'" in page


def test_what_a_user_wrote_stays_text() -> None:
    hostile = "<script>alert(1)</script>"
    run = plan_run(CACHED)
    named = msgspec.structs.replace(run, facts=msgspec.structs.replace(run.facts, name=f'"{hostile}'))
    record = bench_record(
        prompt=hostile, plans=(plan_run(FULL), named), doubts=(Doubt("kind", hostile, hostile, hostile),)
    )

    page = render_report([record], title=hostile)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_each_picture_is_in_the_file_once() -> None:
    page = render_report([bench_record(), evaluation_record()])

    sources = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert len(sources) == len(set(sources)) == 3


@pytest.mark.parametrize("make", [bench_record, evaluation_record, search_record])
def test_random_weights_are_said_before_any_number(make: Callable[..., PictureRecord]) -> None:
    record = make(bundle=RANDOM)

    page = render_report([record])

    banner = page.index("Random weights: the times are real")
    assert banner < page.index("<svg" if record.kind == "evaluation" else "×</strong>")
    assert "Random weights" not in render_report([bench_record()])


def test_what_a_profile_does_not_describe_is_said() -> None:
    use = ProfileUse("mi250", "e" * 64, {}, comparable=False, instead=("cpu instead of mi250",))

    assert "Not what profile mi250 describes" in render_report([bench_record(profile=use)])


def test_doubts_stand_with_kind_and_advice() -> None:
    page = render_report([bench_record(doubts=(Doubt("other-load", "full", "it was busy", "wait"),))])

    assert re.search(r'class="kind">other-load</span> <b>full</b>: it was busy\. <span class="advice">Wait\.', page)


def test_a_limit_stands_in_table_and_chart() -> None:
    page = render_report([bench_record()], limit=lambda _, plan: {"full": 0.25, "every:2": 0.125}[plan])

    assert '<td class="number">125</td>' in page
    assert page.count('class="limit"') == 2
    assert "hardware" not in render_report([bench_record()])


def test_scores_stand_beside_the_plans_of_the_same_bundle_and_settings() -> None:
    record, evaluation = bench_record(), evaluation_record()

    found = scores_of(record, [evaluation])

    assert set(found) == {"full", "every:2"}
    assert found["every:2"].feature_distance == pytest.approx(0.75)
    assert "Speed and quality" in render_report([record, evaluation])


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": BundleFacts("e" * 64, "small", "trained", (8, 8), {})},
        {"workload": msgspec.structs.replace(WORK, steps=5)},
        {"workload": msgspec.structs.replace(WORK, guidance=7.5)},
        {"workload": msgspec.structs.replace(WORK, width=16)},
    ],
)
def test_scores_of_another_bundle_or_other_settings_do_not(changes: dict[str, object]) -> None:
    assert scores_of(bench_record(), [evaluation_record(**changes)]) == {}


def test_a_record_given_twice_is_shown_once() -> None:
    record = bench_record()

    assert render_report([record, record]) == render_report([record])


def test_several_records_have_a_table_of_contents() -> None:
    record, evaluation = bench_record(), evaluation_record()

    page = render_report([record, evaluation])

    assert [f'href="#record-{each.id}"' in page for each in (record, evaluation)] == [True, True]
    assert "<nav" not in render_report([record])


def test_a_section_of_another_kind_takes_a_template_and_a_view() -> None:
    view = msgspec.convert(
        {"what": "w", "where": "x", "when": "y", "id": "z", "banners": ["a banner"]}, type=dict[str, object]
    )

    page = render_page([Section("front", "A front", "parts.html.j2", view)], title="T")

    assert '<section class="record" id="front">' in page
    assert "<h2>A front</h2>" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "bench BUNDLE --steps 4 --scheduler ddim --guidance 4 --batch 1 --seed 0 --prompt 'a prompt' --plan"),
        ({}, "--plan every:2 --branch 0"),
        ({"workload": msgspec.structs.replace(WORK, height=16)}, "--height 16 --width 8 --plan every:2"),
        ({}, "--forecast linear --rounds 6 --provider cpu --threads 1"),
        ({"plans": (plan_run(FULL),)}, "--prompt 'a prompt' --rounds 6"),
        ({"backend": msgspec.structs.replace(BACKEND, backend="openvino", provider="CPU")}, "--provider openvino:CPU"),
    ],
)
def test_the_command_line_is_derived_from_the_record(changes: dict[str, object], words: str) -> None:
    assert words in str(command(bench_record(**changes)))


def test_the_command_line_asks_openvino_for_the_precision_that_ran() -> None:
    ran = make_backend("openvino:f32").describe()

    assert "--provider openvino:CPU:f32" in str(command(bench_record(backend=ran)))


def test_the_command_line_asks_for_a_software_adapter_by_name() -> None:
    options = {"adapter": "SwiftShader, software"}
    ran = BackendDescription("onnxruntime", "1.27.0", "WebGpuExecutionProvider", options)  # type: ignore[arg-type]  # plain words

    assert "--provider webgpu:software" in str(command(bench_record(backend=ran)))


def test_an_evaluation_s_command_line_is_derived_too() -> None:
    assert "--seed 0 --plan every:2 --branch 0 --forecast linear --num-prompts 2" in str(command(evaluation_record()))


def test_a_profile_s_configs_are_measured_again_by_their_names() -> None:
    use = ProfileUse("cpu", "hash", {"full": "a", "every:2": "b"}, comparable=True, instead=())
    elsewhere = msgspec.structs.replace(use, comparable=False, instead=("fp32 instead of fp16",))

    line = command(bench_record(profile=use))

    assert "bench BUNDLE --profile cpu --config a --config b --prompt 'a prompt' --rounds 6" in str(line)
    assert command(bench_record(profile=elsewhere)) is None


def test_no_command_line_is_made_up_where_none_draws_the_same() -> None:
    other = plan_run(changed("other", forecast=Forecast.HOLD))

    record = bench_record(plans=(plan_run(FULL), plan_run(CACHED), other))

    assert command(record) is None
    assert "No single command line" in render_report([record])


def changed(name: str, **changes: object) -> PlanFacts:
    """The cached plan, with something of its own."""
    return PlanFacts(name, msgspec.structs.replace(CACHED.plan, **changes), CACHED.calls)


OWN_CHANGES: list[dict[str, object]] = [
    {"weights": {1: (0.9,)}},
    {"steps": 3},
    {"scheduler": "euler"},
    {"guided_calls": (0, 2)},
]


@pytest.mark.parametrize("changes", OWN_CHANGES, ids=lambda changes: next(iter(changes)))
def test_a_plan_with_weights_or_settings_of_its_own_has_no_command_line(changes: dict[str, object]) -> None:
    own = changed("own", **changes)
    evaluation = evaluation_record()
    trials = (evaluation.trials[0], msgspec.structs.replace(evaluation.trials[1], facts=own))

    assert command(bench_record(plans=(plan_run(FULL), plan_run(own)))) is None
    assert command(evaluation_record(trials=trials)) is None


@pytest.mark.parametrize("changes", OWN_CHANGES, ids=lambda changes: next(iter(changes)))
def test_scores_of_a_plan_with_weights_or_settings_of_its_own_are_its_own(changes: dict[str, object]) -> None:
    own = plan_run(changed("own", **changes))

    assert set(scores_of(bench_record(plans=(plan_run(FULL), own)), [evaluation_record()])) == {"full"}
