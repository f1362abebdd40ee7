"""A doctor's day in a real browser: sign in, upload, answer, save, report, history, sign out."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pytest
from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from services.imaging.phantom import as_png
from services.settings import LARGEST_UPLOAD_MB
from tests.browser.hand import (
    COOKIE,
    PATIENCE,
    click,
    downloaded,
    go,
    read,
    see,
    sign_in,
    traces,
    try_sample,
    upload,
    write,
)
from tools.demo_app import set_viewport
from tools.screens import NAME_FIELD, settle, typed_name

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FINDINGS = ("The slice suggests", "The model is uncertain about this slice")
PAGES = ("", "analyse", "history", "patients", "compare", "account", "about")
SIDEWAYS = (
    "const wide = [...document.querySelectorAll('[data-testid=\"stMain\"], html, body')]"
    ".filter(e => e.scrollWidth > e.clientWidth + 1); return wide.map(e => e.tagName + ' ' + e.scrollWidth)"
)


@pytest.fixture
def real_slice(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A real MRI slice where the data is at hand, a drawn one elsewhere."""
    try:
        folder: Path = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        folder = tmp_path
    found = next(iter(sorted((folder / "brain_mri" / "images").glob("cheng_*"))), None)
    if found is None:
        found = tmp_path / "drawn.png"
        found.write_bytes(as_png("axial_t1c_meningioma"))
    return found


def test_a_click_before_the_page_has_settled_fills_the_form(app, driver):
    """The cookie's arrival starts a run of its own about then."""
    early = "const button = document.querySelector('.st-key-role_doctor button'); button?.click(); return !!button"
    for _ in range(5):
        driver.get(app.url)
        WebDriverWait(driver, PATIENCE, poll_frequency=0.02).until(lambda d: d.execute_script(early))
        WebDriverWait(driver, PATIENCE).until(lambda d: typed_name(d) == "doctor")


def test_a_doctors_walk_from_the_signin_to_the_report(app, driver, downloads, real_slice):
    sign_in(driver, app.url, "doctor")
    assert "What needs me?" in read(driver, "Not a medical device")

    go(driver, app.url, "analyse")
    upload(driver, real_slice)
    answer = read(driver, "What the model looked at")
    assert any(finding in answer for finding in FINDINGS)
    assert "of 100 such answers" in answer
    picture = see(driver, ".st-key-viewer img")
    assert "heat map" in picture.get_attribute("alt")
    WebDriverWait(driver, PATIENCE).until(lambda _: picture.get_property("naturalWidth") > 100)
    bars = see(driver, '[data-testid="stPlotlyChart"]')
    assert "glioma" in bars.get_attribute("aria-label")

    before = picture.get_attribute("src")
    click(
        driver,
        ".st-key-controls label[data-testid='stWidgetLabel'] ~ *, .st-key-controls [data-testid='stCheckbox'] label",
    )
    settle(driver)
    assert see(driver, ".st-key-viewer img").get_attribute("src") != before

    click(driver, ".st-key-save button")
    write(driver, "Name", "Łucja Ødegård")
    write(driver, "Hospital identifier", "WALK-0001")
    write(driver, "Description", "Control after three months")
    click(driver, "[class*='st-key-send_save_'] button")
    read(driver, "What did this study show?")
    study = driver.current_url
    assert "study?id=" in study
    assert "Łucja Ødegård" in read(driver, "Course of events")

    click(driver, ".st-key-get_report button")
    report = downloaded(downloads, ".pdf")
    words = " ".join(page.extract_text() for page in PdfReader(report).pages)
    for word in ("Łucja Ødegård", "WALK-0001", "Control after three months", "Demonstration"):
        assert word in words, word

    go(driver, app.url, "history")
    write(driver, "Patient", "walk-0001\n")
    read(driver, "1 to 1, newest first")
    click(driver, "[class*='st-key-row_history_'] a")
    read(driver, "What did this study show?")
    assert urllib.parse.urlparse(driver.current_url).query == urllib.parse.urlparse(study).query

    cookie = driver.get_cookie(COOKIE)
    click(driver, ".st-key-sign_out button")
    see(driver, NAME_FIELD)
    driver.add_cookie({"name": COOKIE, "value": cookie["value"], "path": "/"})
    driver.get(study)
    see(driver, NAME_FIELD)
    assert "Łucja" not in driver.find_element(By.TAG_NAME, "body").text
    assert traces(app) == []


def test_a_bad_file_gets_a_sentence_and_the_next_one_an_answer(app, driver, tmp_path):
    sign_in(driver, app.url, "doctor")
    go(driver, app.url, "analyse")
    bad = tmp_path / "slice.png"
    bad.write_text("this is a letter, not a picture", encoding="utf-8")
    upload(driver, bad)
    said = read(driver, "The file is a text file")
    assert "Traceback" not in said
    click(driver, ".st-key-another button")
    large = tmp_path / "series.dcm"
    with large.open("wb") as file:
        file.truncate((LARGEST_UPLOAD_MB + 1) * 2**20)
    see(driver, '[data-testid="stFileUploaderDropzone"]')
    assert not driver.find_element(By.CSS_SELECTOR, ".st-key-too_large_zone").is_displayed()
    upload(driver, large)
    assert "Export single slices" in see(driver, ".st-key-too_large_zone").text
    good = tmp_path / "good.png"
    good.write_bytes(as_png("axial_t1c_meningioma"))
    see(driver, '[data-testid="stFileUploaderDropzone"]')
    upload(driver, good)
    read(driver, "What the model looked at")


def test_no_page_scrolls_sideways_on_a_phone(app, driver):
    sign_in(driver, app.url, "doctor")
    set_viewport(driver, 390, 844)
    for page in PAGES:
        go(driver, app.url, page)
        assert driver.execute_script(SIDEWAYS) == [], page
    go(driver, app.url, "analyse")
    try_sample(driver, "coronal_t1c_meningioma")
    settle(driver)
    assert driver.execute_script(SIDEWAYS) == []
    picture, answer, controls = (
        see(driver, selector).rect["y"] for selector in (".st-key-viewer", ".st-key-answer", ".st-key-controls")
    )
    assert picture < answer < controls


def test_everything_on_the_upload_page_is_reached_by_the_keyboard(app, driver):
    sign_in(driver, app.url, "doctor")
    go(driver, app.url, "analyse")
    reached = driver.execute_script(
        "return [...document.querySelectorAll('button, a[href], input')]"
        ".filter(e => e.offsetParent && !e.closest('[data-testid=\"stHeader\"]') && e.tabIndex < 0 && !e.disabled)"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    assert [e for e in reached if 'type="file"' not in e] == []
