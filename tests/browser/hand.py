"""What a person does in the browser, in the words of a test."""

from __future__ import annotations

import time
from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from services.settings import ROOT
from tools.demo_app import RunningApp
from tools.screens import settle
from tools.screens import sign_in as through_the_form

PATIENCE = 240
COOKIE = "falx_session"


def see(driver: WebDriver, selector: str) -> WebElement:
    """The first visible element of a CSS selector, waited for."""

    def found(d: WebDriver) -> WebElement | None:
        try:
            return next((e for e in d.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), None)
        except StaleElementReferenceException:
            return None

    return WebDriverWait(driver, PATIENCE).until(found, f"nothing to see of {selector}")


def click(driver: WebDriver, selector: str) -> None:
    """Bring it into view and click it."""
    settle(driver)
    element = see(driver, selector)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    time.sleep(0.2)
    see(driver, selector).click()


def read(driver: WebDriver, words: str) -> str:
    """The page's text, once the words are in it."""
    body = driver.find_element(By.TAG_NAME, "body")
    try:
        WebDriverWait(driver, PATIENCE).until(lambda _: words in body.text)
    except TimeoutException:
        raise AssertionError(f"the page never said “{words}”, but this: {body.text}") from None
    return body.text


def write(driver: WebDriver, label: str, words: str) -> None:
    """Type into the field of that label."""
    field = see(driver, f'input[aria-label="{label}"], textarea[aria-label="{label}"]')
    field.clear()
    field.send_keys(words)


def sign_in(driver: WebDriver, url: str, role: str) -> None:
    """Through the form, filled in by the role's button; the cookie is there afterwards."""
    through_the_form(driver, url, role)
    WebDriverWait(driver, PATIENCE).until(lambda d: d.get_cookie(COOKIE))


def go(driver: WebDriver, url: str, page: str) -> None:
    """To a page by its address."""
    driver.get(f"{url}/{page}")
    see(driver, "h1")
    settle(driver)


def try_sample(driver: WebDriver, sample: str) -> None:
    """One click on a sample of the upload page, and the answer."""
    click(driver, f".st-key-try_sample_{sample} button")
    read(driver, "What the model looked at")


def upload(driver: WebDriver, file: Path) -> None:
    """Give a file to the upload zone."""
    settle(driver)
    driver.find_element(By.CSS_SELECTOR, '[data-testid="stFileUploaderDropzoneInput"]').send_keys(str(file))


def traces(app: RunningApp) -> list[str]:
    """The lines of the server's log where an error passed through Falx's own code.

    Streamlit's server logs one of its own where a browser goes away while it is being written to.
    """
    own = tuple(f'File "{ROOT / part}' for part in ("app.py", "pages", "services"))
    return [line for line in app.log_text().splitlines() if line.strip().startswith(own)]


def downloaded(folder: Path, ending: str) -> Path:
    """The file that arrives in the folder, once it is whole."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        files = [path for path in folder.iterdir() if path.suffix == ending]
        if files:
            return files[0]
        time.sleep(0.2)
    raise AssertionError(f"no {ending} file arrived; there are {sorted(path.name for path in folder.iterdir())}")
