"""A doctor's walk with the keyboard alone; at every stop of the Tab key the page shows where one is."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.hand import PATIENCE, read, see
from tools.screens import NAME_FIELD, STILL, settle, typed_name

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STOPS = 90
# The focused element, or one of the two around it where it is hidden within them, is drawn with a ring.
WHERE = """
const hidden = e => {
  for (let x = e; x; x = x.parentElement) {
    const style = getComputedStyle(x);
    if (style.clipPath !== 'none' || style.opacity === '0' || style.visibility === 'hidden') return true;
  }
  return false;
};
const at = document.activeElement;
let ring = false;
for (let x = at, steps = 0; x && steps < 3; x = x.parentElement, steps++) {
  const style = getComputedStyle(x);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  if (!hidden(x) && (outlined || (x === at && style.boxShadow !== 'none'))) ring = true;
}
return {body: at === document.body, ring, there: at.matches(arguments[0]), what: at.outerHTML.slice(0, 200)};
"""


class Keyboard:
    """Keys, and nothing but keys."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def start(self, url: str) -> None:
        """To the sign-in page, drawn whole: its style comes with it."""
        self.driver.get(url)
        see(self.driver, NAME_FIELD)
        settle(self.driver)

    def analyse(self, url: str, sample: str, key: str) -> None:
        """Sign in as a doctor and try a sample; ``key`` presses the buttons that are no link and send no form."""
        self.start(url)
        self.reach(".st-key-role_doctor button")
        self.press(key)
        WebDriverWait(self.driver, PATIENCE).until(lambda d: typed_name(d) == "doctor")
        self.reach('[class*="st-key-signin_password"] input')
        self.reach('[data-testid="stFormSubmitButton"] button')
        self.press(Keys.ENTER)
        read(self.driver, "What needs me?")
        self.reach('[data-testid="stTopNavLink"][href$="/analyse"]')
        self.press(Keys.ENTER)
        see(self.driver, f".st-key-try_sample_{sample} button")
        self.reach(".st-key-zone button")
        self.reach(f".st-key-try_sample_{sample} button")
        self.press(key)
        read(self.driver, "What the model looked at")

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def back(self) -> None:
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()

    def where(self, selector: str) -> dict[str, Any]:
        found: dict[str, Any] = self.driver.execute_script(WHERE, selector)
        return found

    def reach(self, selector: str, *, backwards: bool = False) -> None:
        """Press Tab until what the selector names is focused; every stop on the way must be seen."""
        WebDriverWait(self.driver, PATIENCE).until(lambda d: d.find_elements("css selector", selector), selector)
        passed = []
        for _ in range(STOPS):
            if backwards:
                self.back()
            else:
                self.press(Keys.TAB)
            stop = self.where(selector)
            assert stop["body"] or stop["ring"], f"nothing shows that this is focused: {stop['what']}"
            if stop["there"]:
                return
            passed.append(stop["what"][:80])
        raise AssertionError(f"the Tab key never came to {selector}, but to {passed}")

    def stays(self, selector: str) -> None:
        """What was focused is so still, after the page was drawn again."""
        WebDriverWait(self.driver, PATIENCE).until(lambda d: d.execute_script(STILL) == "notRunning")
        assert self.where(selector)["there"], self.where(selector)["what"]


def told(driver: WebDriver, *, heat: bool, stage: str = "") -> None:
    """Wait until the picture's words say so."""

    def says(_: WebDriver) -> bool:
        words = see(driver, ".st-key-viewer img").get_attribute("alt") or ""
        return ("heat map" in words) is heat and stage in words

    WebDriverWait(driver, PATIENCE, ignored_exceptions=[AttributeError]).until(says)


def test_a_doctor_needs_no_mouse(app, driver):
    keys = Keyboard(driver)
    keys.analyse(app.url, "coronal_t1c_meningioma", Keys.SPACE)
    told(driver, heat=True)

    keys.reach('.st-key-controls [role="radio"]')
    keys.press(Keys.ARROW_RIGHT, Keys.SPACE)
    told(driver, heat=False, stage="“head”")
    keys.press(Keys.ARROW_LEFT, Keys.SPACE)
    told(driver, heat=True)
    keys.reach('.st-key-controls [role="switch"]')
    keys.press(Keys.SPACE)
    told(driver, heat=False)
    keys.stays('.st-key-controls [role="switch"]')
    keys.press(Keys.SPACE)
    told(driver, heat=True)
    keys.reach('.st-key-controls input[type="range"]')
    before = see(driver, ".st-key-viewer img").get_attribute("src")
    keys.press(Keys.ARROW_LEFT)
    WebDriverWait(driver, PATIENCE).until(lambda _: see(driver, ".st-key-viewer img").get_attribute("src") != before)
    keys.reach('.st-key-controls [role="switch"]', backwards=True)

    keys.reach(".st-key-save button")
    keys.press(Keys.ENTER)
    see(driver, '[role="dialog"] input[aria-label="Name"]')
    # Not the sample's own patient, whom another test may have saved.
    for field, words in (("Name", "Zoë Without Mouse"), ("Hospital identifier", "KEYS-0001")):
        keys.reach(f'[role="dialog"] input[aria-label="{field}"]')
        ActionChains(driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
        keys.press(words)
    keys.reach('[role="dialog"] input[aria-label="Description"]')
    keys.press("Entered by keys")
    keys.reach('[role="dialog"] textarea[aria-label="Notes"]')
    keys.press("No pointer was moved.")
    keys.reach("[class*='st-key-send_save_'] button")
    keys.press(Keys.ENTER)
    read(driver, "The file's header names another patient")
    keys.reach("[class*='st-key-same_save_'] input", backwards=True)
    keys.press(Keys.SPACE)
    keys.reach("[class*='st-key-send_save_'] button")
    keys.press(Keys.ENTER)
    study = read(driver, "What did this study show?")
    assert "Zoë Without Mouse" in study
    assert "Entered by keys" in study
    assert "No pointer was moved." in read(driver, "Course of events")
    keys.reach(".st-key-get_report button")

    keys.reach(".st-key-sign_out button", backwards=True)
    keys.press(Keys.ENTER)
    see(driver, NAME_FIELD)
    settle(driver)
    assert "Zoë" not in driver.find_element("tag name", "body").text


def test_a_control_without_a_ring_is_noticed(app, driver):
    """The measure itself."""
    keys = Keyboard(driver)
    keys.start(app.url)
    keys.reach(".st-key-role_doctor button")
    driver.execute_script(
        "const style = document.createElement('style'); document.body.append(style);"
        "style.textContent = '.st-key-role_patient button {outline: none !important; box-shadow: none !important}'"
    )
    with pytest.raises(AssertionError, match="nothing shows that this is focused: <button"):
        keys.reach(".st-key-role_admin button")


def test_a_dialog_is_left_with_escape_and_gives_the_focus_back(app, driver):
    keys = Keyboard(driver)
    keys.analyse(app.url, "axial_t2_healthy", Keys.ENTER)
    keys.reach(".st-key-report button")
    keys.press(Keys.ENTER)
    see(driver, '[role="dialog"] input[aria-label="Name"]')
    keys.press(Keys.ESCAPE)
    WebDriverWait(driver, PATIENCE).until(lambda d: not d.find_elements("css selector", '[role="dialog"]'))
    keys.reach(".st-key-save button", backwards=True)
