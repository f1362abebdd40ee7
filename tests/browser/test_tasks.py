"""The questions answered by yes or no, in the browser: the quick form with its board, and a mammogram's whole way."""

from __future__ import annotations

import csv

import pytest
from pypdf import PdfReader
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from services.imaging.phantom import as_png
from services.inference.repository import ModelRepository
from services.reports.words import EXPERIMENTAL
from services.settings import ROOT
from services.tasks import get_task
from services.tasks.task import Task
from tests.browser.hand import click, downloaded, go, read, see, sign_in, traces, try_sample, upload, write
from tools.screens import settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PRESENCE, BREAST = get_task("brain_tumor_presence"), get_task("breast_cancer")
SHIPPED = ModelRepository(ROOT / "saved_models")


def needs(task: Task) -> pytest.MarkDecorator:
    """Skips a test, before app and browser start, where no version of the task is registered."""
    reason = f"No version of “{task.title}” is registered."
    return pytest.mark.skipif(task.key not in SHIPPED.live(), reason=reason)


def choose(driver: WebDriver, group: str, words: str) -> None:
    """Click the choice of those words in a group of buttons; nothing where the group stands on it alone."""
    settle(driver)
    for button in driver.find_elements(By.CSS_SELECTOR, f"[class*='st-key-{group}'] button"):
        if button.text.strip() == words:
            driver.execute_script("arguments[0].click()", button)
            settle(driver)
            return
    raise AssertionError(f"{group} offers no “{words}”")


def metric(driver: WebDriver, label: str) -> int:
    """A number of the results board; 0 where the board is still empty."""
    settle(driver)
    for shown in driver.find_elements(By.CSS_SELECTOR, '[data-testid="stMetric"]'):
        name, number = shown.text.split("\n")[:2]
        if name == label:
            return int(number.replace(",", ""))
    return 0


@needs(PRESENCE)
def test_a_first_name_and_an_image_are_an_answer_on_the_board(app, driver, downloads, tmp_path):
    sign_in(driver, app.url, "doctor")
    go(driver, app.url, "results_board")
    before = metric(driver, "Studies"), metric(driver, "Patients")
    for name, sample in (("Ada", "axial_t1c_meningioma"), ("Grace", "axial_t1c_healthy")):
        go(driver, app.url, "quick")
        picture = tmp_path / f"{name}.png"
        picture.write_bytes(as_png(sample))
        write(driver, "First name", name)
        upload(driver, picture)
        click(driver, '[data-testid="stFormSubmitButton"] button')
        said = read(driver, f"{name} · saved")
        assert any(info.finding in said for info in PRESENCE.classes)
        assert "The model for brain tumour type says" in said
    go(driver, app.url, "results_board")
    words = read(driver, "Newest first")
    assert (metric(driver, "Studies"), metric(driver, "Patients")) == (before[0] + 2, before[1] + 2)
    assert words.index("Grace") < words.index("Ada")
    click(driver, ".st-key-board_csv button")
    rows = list(csv.DictReader(downloaded(downloads, ".csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["patient"] for row in rows[:2]] == ["Grace", "Ada"]
    assert len(rows) == before[0] + 2
    assert traces(app) == []


@needs(BREAST)
def test_a_mammogram_goes_the_whole_way(app, driver, downloads):
    card = SHIPPED.card(SHIPPED.live_ref(BREAST.key))
    sign_in(driver, app.url, "doctor")
    go(driver, app.url, "analyse")
    choose(driver, "task_analyse", BREAST.title)
    try_sample(driver, BREAST.samples[0])
    answer = see(driver, ".st-key-answer").text
    (finding,) = [info.finding for info in BREAST.classes if info.finding in answer]
    # Over the folds the interval by patient begins under 0.6, however lucky the fold of the test is.
    assert answer.index(EXPERIMENTAL) < answer.index(finding)
    assert all(caveat in answer for caveat in BREAST.caveats)
    assert "heat map" in see(driver, ".st-key-viewer img").get_attribute("alt")

    click(driver, ".st-key-save button")
    write(driver, "Name", "Marie Skłodowska")
    write(driver, "Hospital identifier", "FILM-0001")
    click(driver, "[class*='st-key-send_save_'] button")
    # The drawn film is a DICOM file of somebody else.
    click(driver, "[class*='st-key-same_'] label")
    click(driver, "[class*='st-key-send_save_'] button")
    read(driver, "Course of events")
    click(driver, ".st-key-get_report button")
    report = downloaded(downloads, ".pdf")
    words = " ".join(" ".join(page.extract_text() for page in PdfReader(report).pages).split())
    for word in ("Marie Skłodowska", finding, BREAST.caveats[0], EXPERIMENTAL):
        assert word in words, word

    go(driver, app.url, "history")
    choose(driver, "history_task", BREAST.title)
    assert "Marie Skłodowska" in read(driver, "newest first")
    go(driver, app.url, "compare")
    if "compare_task" in driver.page_source:
        click(driver, ".st-key-compare_task [data-baseweb='select'], .st-key-compare_task input")
        option = f"//*[@role='option'][normalize-space()='{BREAST.title}']"
        driver.find_element(By.XPATH, option).click()
    read(driver, f"{card.network_title}, version {card.version}")
    assert traces(app) == []
