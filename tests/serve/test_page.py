"""The page in a browser, as its reader meets it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(browser: "Browser", server: Server) -> "Iterator[Page]":
    opened = browser.new_page(viewport={"width": 1100, "height": 1000})
    opened.goto(server.address)
    yield opened
    opened.close()


def test_full_and_a_plan_are_drawn_side_by_side_with_seconds(page: "Page", tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.get_by_label("Prompt").fill("a squirrel")
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function("document.querySelectorAll('[data-done]').length === 2", timeout=120_000)
    page.wait_for_function("!document.getElementById('draw').disabled", timeout=60_000)
    told = [panel.inner_text() for panel in page.locator("[data-side]").all()]
    sources = [image.get_attribute("src") or "" for image in page.locator("[data-side] img").all()]
    page.screenshot(path=os.environ.get("ACCEL_SCREENSHOT", tmp_path / "page.png"), full_page=True)

    assert errors == []
    assert [text.split("\n")[0] for text in told] == ["full", "fast"]
    assert all(" s · " in text and "seed 7" in text for text in told)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.locator("#error").inner_text() == ""
    assert "beside full" in told[1]
    row = page.locator("#plans tr", has_text="fast").inner_text()
    assert "31.5 dB, 2.1×, of 8 pictures" in row
    assert row.count("dB") + row.count("same") == 2, "of the last picture and as searched"


def test_a_plan_is_picked_by_its_point(page: "Page") -> None:
    point = page.locator("circle[data-plan='every:2']")
    point.click()

    assert page.get_by_label("Plan beside full").input_value() == "every:2"
    assert "picked" in (page.locator("circle[data-plan='every:2']").get_attribute("class") or "")


def test_a_refusal_is_told(page: "Page") -> None:
    page.locator("#seed").evaluate("each => { each.value = '1e40'; each.removeAttribute('min'); }")
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function("document.getElementById('error').textContent !== ''", timeout=60_000)

    assert page.get_by_role("button", name="Draw").is_enabled()
