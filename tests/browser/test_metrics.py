"""A researcher compares two models in the browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from services.inference.repository import ModelRepository
from services.settings import ROOT
from tests.browser.hand import downloaded, go, read, see, sign_in
from tools.demo_app import RunningApp
from tools.screens import settle

PILLS = "[class*='st-key-compare_models'] [data-testid='stButtonGroup'] button"
VIEWS = ".st-key-compare_view [role='radio']"


@pytest.fixture
def two_chosen(app: RunningApp, driver: WebDriver) -> list[str]:
    """The page with the serving versions and one more chosen; the names of all that are."""
    repository = ModelRepository(ROOT / "saved_models")
    live = {str(repository.live_ref("brain_tumor_type", n)) for n in repository.live()["brain_tumor_type"].versions}
    refs = [ref for ref in repository.refs() if ref.task == "brain_tumor_type"]
    sign_in(driver, app.url, "researcher")
    go(driver, app.url, "compare")
    more = next(i for i, ref in enumerate(refs) if str(ref) not in live)
    see(driver, PILLS)
    settle(driver)
    driver.execute_script("arguments[0].click()", driver.find_elements("css selector", PILLS)[more])
    chosen = [card for ref in refs if str(ref) in live or ref == refs[more] for card in [repository.card(ref)]]
    names = [f"{card.network_title}, version {card.version}" for card in chosen]
    for name in names:
        read(driver, name)
    return names


def test_both_stand_in_the_table_and_in_one_chart(driver, two_chosen):
    settle(driver)
    table = see(driver, "[data-testid='stTable']").text
    assert all(name in table for name in two_chosen)
    view = next(e for e in driver.find_elements("css selector", VIEWS) if e.text.strip() == "ROC")
    driver.execute_script("arguments[0].click()", view)
    settle(driver)
    legend = " ".join(e.text for e in driver.find_elements("css selector", ".js-plotly-plot .legendtext"))
    assert all(name in legend for name in two_chosen)


def test_each_can_be_taken_home_as_json(driver, two_chosen, downloads: Path):
    settle(driver)
    buttons = driver.find_elements("css selector", "[data-testid='stDownloadButton'] button")
    wanted = [e for e in buttons if "as JSON" in e.text]
    assert len(wanted) == len(two_chosen)
    driver.execute_script("arguments[0].click()", wanted[0])
    figures = json.loads(downloaded(downloads, ".json").read_text())
    assert 0 < figures["test"]["macro_f1"]["value"] <= 1
