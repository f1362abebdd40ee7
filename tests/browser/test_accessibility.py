"""No page has a fault that axe-core calls serious or critical: names, roles, contrast, order, in both themes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from services.imaging.phantom import as_png
from tests.browser.hand import click, go, read, see, sign_in, try_sample, upload
from tools.demo_app import set_viewport
from tools.screens import NAME_FIELD, prefer, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The package is the one that carries a current axe-core; of its own code nothing is used.
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = (
    "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
    ".then(found => done({violations: found.violations, passed: found.passes.length}), error => done(String(error)))"
)
GRAVE = {"serious", "critical"}
# Each page once, as the role sees it that sees most of it; every role's own first page.
PAGES = {
    "doctor": ("", "analyse", "quick", "history", "patients", "results_board", "about"),
    "researcher": ("", "compare"),
    "patient": ("", "history"),
    "admin": ("", "admin", "account"),
}


def look(driver: WebDriver) -> dict[str, Any]:
    """What axe-core finds on the page as it stands."""
    settle(driver)
    driver.execute_script(AXE)
    found = driver.execute_async_script(RUN)
    assert isinstance(found, dict), found
    return found


def faults(driver: WebDriver) -> list[str]:
    """The grave ones, each with where it is and what to do about it."""
    found = look(driver)
    assert found["passed"] > 10, "axe-core has seen no page"
    return [
        f"{rule['id']} ({rule['impact']}) at {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


@pytest.fixture(params=["dark", "light"])
def scheme(request: pytest.FixtureRequest, driver: WebDriver) -> str:
    """The theme that the browser asks for."""
    prefer(driver, request.param)
    chosen: str = request.param
    return chosen


def test_a_fault_is_noticed(app, driver):
    """The measure itself: a picture without words, and grey words on grey."""
    driver.get(app.url)
    see(driver, NAME_FIELD)
    assert faults(driver) == []
    driver.execute_script(
        "const style = document.createElement('style'), picture = document.createElement('img');"
        "style.textContent = '.st-key-footer p {color: #777 !important}'; picture.src = 'app/static/icon.svg';"
        "document.body.append(style, picture);"
    )
    assert {fault.split(" ")[0] for fault in faults(driver)} == {"image-alt", "color-contrast"}


@pytest.mark.parametrize("role", list(PAGES))
def test_no_page_of_a_role_has_a_grave_fault(app, driver, scheme, role):
    sign_in(driver, app.url, role)
    found: dict[str, list[str]] = {}
    for page in PAGES[role]:
        go(driver, app.url, page)
        found[page] = faults(driver)
    assert not any(found.values()), found


def test_no_part_of_a_page_has_a_grave_fault(app, driver):
    sign_in(driver, app.url, "admin")
    go(driver, app.url, "admin")
    found = {part: faults_after(driver, choose(part)) for part in ("Models", "Storage", "People")}
    go(driver, app.url, "compare")
    charts = len(driver.find_elements("css selector", ".st-key-compare_view [role='radio']"))
    assert charts >= 6
    for number in range(charts):
        found[f"chart {number}"] = faults_after(driver, nth_chart(number))
    assert not any(found.values()), found


def faults_after(driver: WebDriver, act: Callable[[WebDriver], None]) -> list[str]:
    act(driver)
    return faults(driver)


def choose(part: str) -> Callable[[WebDriver], None]:
    def press(driver: WebDriver) -> None:
        button = next(b for b in driver.find_elements("css selector", '[role="radio"]') if b.text == part)
        button.click()

    return press


def nth_chart(number: int) -> Callable[[WebDriver], None]:
    return lambda driver: click(driver, f".st-key-compare_view [role='radio']:nth-of-type({number + 1})")


def test_an_answer_its_dialog_and_the_stored_study_have_no_grave_fault(app, driver, scheme, tmp_path):
    sign_in(driver, app.url, "doctor")
    go(driver, app.url, "analyse")
    try_sample(driver, "coronal_t1c_meningioma")
    assert see(driver, ".st-key-viewer img").get_attribute("alt")
    assert see(driver, '[data-testid="stPlotlyChart"]').get_attribute("aria-label")
    assert faults(driver) == []

    click(driver, ".st-key-save button")
    see(driver, '[role="dialog"] input[aria-label="Name"]')
    assert faults(driver) == []
    click(driver, "[class*='st-key-send_save_'] button")
    read(driver, "What did this study show?")
    assert faults(driver) == []
    for page in ("", "history", "patients"):
        go(driver, app.url, page)
        see(driver, '[class*="st-key-row_"]')
        assert faults(driver) == [], page

    go(driver, app.url, "analyse")
    bad = tmp_path / "slice.png"
    bad.write_bytes(as_png("axial_t1c_meningioma")[:2000])
    upload(driver, bad)
    read(driver, "cut off")
    assert faults(driver) == []


def test_on_a_phone_nothing_grave_is_added(app, driver):
    sign_in(driver, app.url, "doctor")
    set_viewport(driver, 390, 844)
    go(driver, app.url, "analyse")
    assert faults(driver) == []
    try_sample(driver, "coronal_t1c_pituitary")
    assert faults(driver) == []
    click(driver, '[data-testid="stExpandSidebarButton"]')
    see(driver, '[data-testid="stSidebarNavLink"]')
    assert faults(driver) == []
