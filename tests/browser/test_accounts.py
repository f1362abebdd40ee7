"""Two browsers: one invites and deactivates, the other is in and then out; and a stolen cookie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.hand import COOKIE, PATIENCE, click, go, read, see, sign_in, traces, write
from tools.demo_app import chromium, set_viewport
from tools.screens import NAME_FIELD, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PERSON = "[class*='st-key-person_'] button"
PASSWORD = "four words that fit"
SIDEWAYS = (
    "const wide = [...document.querySelectorAll('[data-testid=\"stMain\"], html, body')]"
    ".filter(e => e.scrollWidth > e.clientWidth + 1); return wide.map(e => e.tagName + ' ' + e.scrollWidth)"
)


@pytest.fixture
def other(driver: WebDriver, tmp_path: Path) -> Iterator[WebDriver]:
    """A second browser that shares nothing with the first."""
    with chromium(tmp_path / "other") as browser:
        yield browser


def test_an_invited_person_signs_in_and_is_out_at_the_next_click_after_being_deactivated(app, driver, other):
    sign_in(driver, app.url, "admin")
    go(driver, app.url, "admin")
    write(driver, "User name", "amir")
    write(driver, "Full name", "Dr Amir Rahimi")
    click(driver, '[data-testid="stFormSubmitButton"] button')
    read(driver, "Hand this link to Dr Amir Rahimi")
    link = see(driver, ".st-key-delivery code").text.strip()
    assert link.startswith(f"{app.url}/?link=")

    other.get(link)
    read(other, "you are invited as doctor")
    write(other, "New password, 12 to 128 characters", PASSWORD)
    write(other, "The same again", PASSWORD)
    click(other, '[data-testid="stFormSubmitButton"] button')
    read(other, "Your password is set. Sign in as amir.")
    write(other, "User name", "amir")
    write(other, "Password", PASSWORD)
    click(other, '[data-testid="stFormSubmitButton"] button')
    read(other, "What needs me?")
    # The page is there before the browser has its cookie; an address opened in between asks to sign in.
    WebDriverWait(other, PATIENCE).until(lambda d: d.get_cookie(COOKIE))
    go(other, app.url, "account")
    read(other, "Dr Amir Rahimi")

    click(driver, ".st-key-delivery_done button")
    write(driver, "Search by name", "amir\n")
    WebDriverWait(driver, PATIENCE).until(lambda d: len(d.find_elements(By.CSS_SELECTOR, PERSON)) == 1)
    click(driver, PERSON)
    read(driver, "All people")
    click(driver, ".st-key-deactivate button")
    read(driver, "Deactivate this account?")
    click(driver, ".st-key-question_yes button")
    read(driver, "Dr Amir Rahimi cannot sign in any more.")

    click(other, ".st-key-leave button")
    see(other, NAME_FIELD)
    other.get(f"{app.url}/account")
    see(other, NAME_FIELD)
    assert "Rahimi" not in other.find_element(By.TAG_NAME, "body").text
    other.get(link)
    read(other, "This link cannot be used")
    assert traces(app) == []


def test_a_stolen_cookie_opens_nothing_after_the_sign_out(app, driver, other):
    sign_in(driver, app.url, "doctor")
    stolen = driver.get_cookie(COOKIE)["value"]
    other.get(app.url)
    see(other, NAME_FIELD)
    settle(other)
    other.add_cookie({"name": COOKIE, "value": stolen, "path": "/"})
    other.get(f"{app.url}/account")
    read(other, "Who am I here?")
    settle(other)
    click(driver, ".st-key-sign_out button")
    see(driver, NAME_FIELD)
    # A run of its own, such as the cookie's arrival starts, may have come before the click and shut it out already.
    for button in other.find_elements(By.CSS_SELECTOR, '[data-testid="stButtonGroup"] button:last-child'):
        button.click()
    see(other, NAME_FIELD)
    other.get(f"{app.url}/account")
    see(other, NAME_FIELD)
    assert traces(app) == []


def test_the_parts_of_the_account_page_fit_on_a_phone(app, driver):
    sign_in(driver, app.url, "doctor")
    set_viewport(driver, 390, 844)
    go(driver, app.url, "account")
    for number in range(1, 6):
        click(driver, f'[data-testid="stButtonGroup"] button:nth-child({number})')
        settle(driver)
        assert driver.execute_script(SIDEWAYS) == [], number
