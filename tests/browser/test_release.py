"""A doctor reviews and releases a study; the patient reads it on a phone, and loses it when it is withdrawn."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from sqlmodel import col, select, update

from services.imaging.phantom import as_png
from services.records.database import make_engine, write
from services.records.tables import Patient, User
from tests.browser.hand import click, downloaded, go, read, see, sign_in, traces, upload
from tests.browser.hand import write as type_into
from tools.demo_app import chromium, set_viewport
from tools.screens import settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDEWAYS = (
    "return [...document.querySelectorAll('[data-testid=\"stMain\"], html, body')]"
    ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.tagName + ' ' + e.scrollWidth)"
)
REASON, NOTE = "Known since 2019: a cavernoma.", "Nothing has changed. Come back in a year."


def link_the_demo_patient(app, identifier: str) -> None:
    """Let the patient of that number have the demo's patient account."""
    engine = make_engine(f"sqlite:///{app.var_dir / 'falx.db'}")

    def work(session):
        account = session.exec(select(User).where(User.username == "patient")).one()
        this = col(Patient.identifier) == identifier
        session.exec(update(Patient).where(this).values(account_id=account.id))

    write(engine, work)
    engine.dispose()


def save_a_study(app, driver, tmp_path, name: str, identifier: str) -> str:
    """Upload, answer, save; the address of the study."""
    slice_file = tmp_path / "slice.png"
    slice_file.write_bytes(as_png("axial_t1c_meningioma"))
    go(driver, app.url, "analyse")
    upload(driver, slice_file)
    read(driver, "What the model looked at")
    click(driver, ".st-key-save button")
    type_into(driver, "Name", name)
    type_into(driver, "Hospital identifier", identifier)
    click(driver, "[class*='st-key-send_save_'] button")
    read(driver, "Nobody has reviewed this study yet.")
    return driver.current_url.split("id=")[1]


def test_a_doctor_reviews_and_releases_and_the_patient_reads_it_on_a_phone(app, driver, downloads, tmp_path):
    sign_in(driver, app.url, "doctor")
    study = save_a_study(app, driver, tmp_path, "Rosa Ødegård", "RELEASE-1")
    link_the_demo_patient(app, "RELEASE-1")

    with chromium(tmp_path / "phone") as phone:
        set_viewport(phone, 390, 844)
        sign_in(phone, app.url, "patient")
        read(phone, "No result has been released to you.")
        go(phone, app.url, f"result?id={study}")
        before = read(phone, "There is no such result, or it is not released to you.")
        assert "Rosa" not in before

        click(driver, ".st-key-open_review button")
        read(driver, "What the model says")
        override = next(e for e in driver.find_elements("css selector", ".st-key-review_decision label")
                        if e.text == "Override")  # fmt: skip
        override.click()
        settle(driver)
        finding = see(driver, ".st-key-review_label input")
        finding.send_keys("Another" + Keys.ENTER)
        settle(driver)
        see(driver, ".st-key-review_reason textarea").send_keys(REASON)
        click(driver, ".st-key-save_review button")
        said = read(driver, "The doctor overrides the model: another finding.")
        assert REASON in said
        assert "Review 1 by" in said

        click(driver, ".st-key-open_release button")
        read(driver, "The patient reads this sentence")
        see(driver, ".st-key-release_note textarea").send_keys(NOTE)
        click(driver, ".st-key-save_release button")
        read(driver, "Released to the patient by")

        go(phone, app.url, "")
        click(phone, "[class*='st-key-tile_result_'] a")
        told = read(phone, "How this was found")
        for words in ("Your doctor sees something else", NOTE):
            assert words in told, words
        for words in ("%", "meningioma", "glioma", REASON, "RELEASE-1"):
            assert words not in told, words
        picture = see(phone, ".st-key-result img")
        assert picture.get_attribute("alt")
        assert 200 < picture.rect["width"] <= 390
        assert phone.execute_script(SIDEWAYS) == []
        click(phone, ".st-key-get_report button")
        assert downloaded(tmp_path / "phone" / "downloads", ".pdf").read_bytes().startswith(b"%PDF-")

        click(driver, ".st-key-open_withdraw button")
        read(driver, "The patient can no longer open this result.")
        see(driver, ".st-key-withdraw_reason input").send_keys("Sent too early.")
        click(driver, ".st-key-save_withdrawal button")
        read(driver, "Release withdrawn: Sent too early.")
        go(phone, app.url, f"result?id={study}")
        read(phone, "There is no such result, or it is not released to you.")
    assert traces(app) == []


def test_a_deleted_study_leaves_the_history_and_comes_back(app, driver, tmp_path):
    sign_in(driver, app.url, "doctor")
    study = save_a_study(app, driver, tmp_path, "Dora Gone", "DELETE-1")
    click(driver, ".st-key-open_delete button")
    read(driver, "The study leaves every list")
    click(driver, ".st-key-save_deletion button")
    read(driver, "The reason is missing: fill it in.")
    see(driver, ".st-key-delete_reason input").send_keys("Uploaded twice.")
    click(driver, ".st-key-save_deletion button")
    assert "Dora Gone" not in read(driver, "The study was deleted.")
    click(driver, ".st-key-restore button")
    read(driver, "Dora Gone")
    go(driver, app.url, f"study?id={study}")
    read(driver, "Dora Gone")
    assert traces(app) == []
