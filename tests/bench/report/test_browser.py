"""The page in a browser, as its reader meets it."""

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

import pytest
from tests.bench.report.records import CACHED, FULL, bench_record, evaluation_record, facts, peer_run, plan_run
from tests.bench.report.search_records import DROPPED, UNIFORM, long_search, search_record, skips_search

from accel_bench.records.bench import BenchRecord, PeerRun, PlanRun
from accel_bench.records.search import SearchRecord
from accel_bench.report.page import render_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def record() -> BenchRecord:
    """Plans of short and long names, and a peer."""
    long = plan_run(facts("calls:0,1,3,or-what-else-a-user-writes-without-a-space", (0, 1, 3)), value=120)
    return bench_record(plans=(plan_run(FULL), plan_run(CACHED, value=110), long), peers=(peer_run(),))


@pytest.fixture(scope="module")
def address(record: BenchRecord, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with everything on it."""
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    searches = (search_record(finalists=record.id), long_search())
    page = render_report([record, evaluation_record(), *searches], limit=lambda _, __: 0.2)
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser: "Browser", address: str) -> "Iterator[Page]":
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(address)
    yield opened
    opened.close()


def cells(page: "Page", record: BenchRecord | SearchRecord, table: str) -> list[list[str]]:
    """The texts of a table of the record's section, row by row."""
    rows = page.locator(f"#r{record.id}-{table} tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def headings(page: "Page", record: BenchRecord | SearchRecord, table: str) -> list[str]:
    texts = page.locator(f"#r{record.id}-{table} thead th").all_inner_texts()
    return [text.replace("\xa0", " ") for text in texts]


def background(page: "Page") -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_opens_without_an_error_and_asks_the_network_for_nothing(browser: "Browser", address: str) -> None:
    opened = browser.new_page()
    errors: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: errors.append(message.text))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))

    opened.goto(address, wait_until="networkidle")
    opened.close()

    assert errors == []
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_every_picture_is_there(page: "Page") -> None:
    sizes = page.evaluate("[...document.images].map(image => [image.naturalWidth, image.naturalHeight])")

    assert sizes == [[8, 8]] * 5


def test_the_seconds_on_the_page_are_those_of_the_record(page: "Page", record: BenchRecord) -> None:
    column = headings(page, record, "contenders").index("image, s")

    found = {row[0]: re.findall(r"[\d.]+", row[column]) for row in cells(page, record, "contenders")}

    samples = {plan.facts.name: [image.seconds for image in plan.images] for plan in record.plans}
    samples |= {peer.name: [image.seconds for image in peer.images] for peer in record.peers}
    # With six samples the interval's ends are the smallest and the largest.
    for name, seconds in samples.items():
        expected = [median(seconds), min(seconds), max(seconds)]
        assert [float(text) for text in found[name]] == pytest.approx(expected, abs=0.005)
    assert set(found) == set(samples)


def test_the_speed_ups_on_the_page_are_ratios_of_the_record_s_rounds(page: "Page", record: BenchRecord) -> None:
    column = headings(page, record, "contenders").index("speed-up")
    baseline = [image.seconds for image in record.plans[0].images]

    shown = [float(row[column].partition("×")[0]) for row in cells(page, record, "contenders")]

    runs: list[PlanRun | PeerRun] = [*record.plans, *record.peers]
    ratios = [median(slow / image.seconds for slow, image in zip(baseline, run.images, strict=True)) for run in runs]
    assert shown == pytest.approx(ratios, abs=0.005)
    said = [float(text.rstrip("×")) for text in page.locator(".verdicts strong").all_inner_texts()]
    assert said[0] == shown[1]


def test_every_sample_is_on_the_page(page: "Page", record: BenchRecord) -> None:
    page.locator("details").first.evaluate("details => details.open = true")
    titles = headings(page, record, "samples")
    rows = cells(page, record, "samples")

    for run in record.plans:
        column = next(index for index, title in enumerate(titles) if title.startswith(run.facts.name))
        factor = 1000 if titles[column].endswith("ms") else 1
        shown = [float(row[column]) / factor for row in rows]
        assert shown == pytest.approx([image.seconds for image in run.images], rel=1e-3)


def test_a_search_s_numbers_on_the_page_are_those_of_its_record(page: "Page", record: BenchRecord) -> None:
    search = search_record(finalists=record.id)
    names = headings(page, search, "front")

    rows = {row[0]: dict(zip(names, row, strict=True)) for row in cells(page, search, "front")}

    row, baseline = rows["every:2 k=0 linear"], search.tried[0]
    assert float(row["image, s"]) == pytest.approx(UNIFORM.composed_s, abs=0.005)
    assert row["speed-up"] == f"{baseline.composed_s / UNIFORM.composed_s:.2f}×"
    factors = sorted(slow / fast for slow, fast in zip(baseline.image_s, UNIFORM.image_s, strict=True))
    assert row["measured"] == f"{median(factors):.2f}× [{factors[0]:.2f} – {factors[-1]:.2f}]"
    assert row["feature distance"] == "0.00400"


def test_a_search_leads_to_its_finalists_pictures(page: "Page", record: BenchRecord) -> None:
    page.get_by_role("link", name="Pictures of the finalists").click()

    assert page.evaluate("location.hash") == f"#record-{record.id}"
    assert page.locator(f"#record-{record.id} img").count() > 0


def test_candidates_that_were_dropped_early_are_fainter_and_the_bound_is_dashed(page: "Page") -> None:
    dots = page.locator("svg circle", has=page.locator("title", has_text=f"{len(DROPPED.scores.ssim)} pictures"))

    assert float(dots.first.evaluate("dot => getComputedStyle(dot).opacity")) < 0.6
    assert page.locator("svg line.bound").first.evaluate("line => getComputedStyle(line).strokeDasharray") != "none"
    assert page.locator("svg circle.ring").first.evaluate("ring => getComputedStyle(ring).fill") == "none"


@pytest.mark.parametrize("width", [360, 768])
def test_on_a_small_screen_nothing_sticks_out(browser: "Browser", address: str, width: int) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 740})
    opened.goto(address)

    wide, texts_out = opened.evaluate(
        """() => [
            document.documentElement.scrollWidth,
            [...document.querySelectorAll('svg text')].filter(text => {
                const box = text.getBoundingClientRect();
                return box.left < 0 || box.right > innerWidth;
            }).map(text => text.textContent),
        ]"""
    )
    opened.close()

    assert wide <= width
    assert texts_out == []


def test_the_dark_scheme_changes_paper_and_ink(browser: "Browser", address: str, page: "Page") -> None:
    dark = browser.new_page(color_scheme="dark")
    dark.goto(address)

    assert background(page) == "rgb(255, 255, 255)"
    red, green, blue = map(int, re.findall(r"\d+", background(dark)))
    dark.close()
    assert max(red, green, blue) < 60


def test_print_is_light_whole_and_shows_every_sample(browser: "Browser", address: str) -> None:
    opened = browser.new_page(color_scheme="dark")
    opened.goto(address)
    opened.emulate_media(media="print")

    samples = opened.locator("details table").first
    assert background(opened) == "rgb(255, 255, 255)"
    assert samples.evaluate("table => table.checkVisibility({contentVisibilityAuto: true})")
    assert samples.evaluate("table => table.getBoundingClientRect().height") > 50
    assert opened.pdf(format="A4").startswith(b"%PDF")
    opened.close()


def test_deep_and_shallow_have_one_colour_each_wherever_they_are_drawn(page: "Page") -> None:
    for kind in ("deep", "shallow"):
        colours = page.evaluate(
            """kind => [...document.querySelectorAll(`rect.${kind}, .swatch.${kind}`)].map(each =>
                each.tagName === 'rect' ? getComputedStyle(each).fill : getComputedStyle(each).backgroundColor)""",
            kind,
        )
        assert len(colours) > 4
        assert len(set(colours)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: "Browser", address: str, scheme: Literal["light", "dark"]) -> None:
    opened = browser.new_page(color_scheme=scheme)
    opened.goto(address)
    pairs = opened.evaluate(
        """() => {
            const value = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            return [['--ink', '--paper'], ['--soft', '--paper'], ['--link', '--paper'], ['--warn-ink', '--warn']]
                .map(([ink, ground]) => [value(ink), value(ground)]);
        }"""
    )
    opened.close()

    assert min(contrast(ink, ground) for ink, ground in pairs) >= 4.5  # WCAG 2.2, 1.4.3


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours as #rgb or #rrggbb."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    whole = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    shares = [int(whole[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_family_of_a_search_has_a_colour_of_its_own(browser: "Browser") -> None:
    for scheme in ("light", "dark"):
        opened = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        opened.set_content(render_report([skips_search()]))
        families = opened.locator(".legend li:has(.swatch[class*=series])")
        colours = opened.locator(".swatch[class*=series]").evaluate_all(
            "swatches => swatches.map(swatch => getComputedStyle(swatch).backgroundColor)"
        )

        assert {"skips", "fewer steps", "moved"} < set(families.all_inner_texts())
        assert len(colours) == len(set(colours)) > 6
        opened.close()


def test_every_chart_has_a_name_and_a_text_for_those_who_do_not_see_it(page: "Page") -> None:
    charts = page.get_by_role("img").and_(page.locator("svg"))

    assert charts.count() == 14
    for chart in charts.all():
        name, text = (chart.locator(f"> {tag}").inner_html() for tag in ("title", "desc"))
        assert name
        assert re.search(r"\d", text)
