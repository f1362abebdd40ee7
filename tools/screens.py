"""Photograph every page at the width of a desk and of a phone into docs/screens: ``python -m tools.screens`` [FOLDER].

The app runs on a database of its own with the demo's studies; what is shown are drawings and invented people.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from services.imaging.phantom import as_png
from services.settings import ROOT, Settings
from services.workflow import Workbench
from tools.demo_app import chromium, running_app, set_viewport
from tools.demo_data import ZOE, fill

FOLDER = ROOT / "docs" / "screens"
SIZES = ((1440, 900), (390, 844))
TALLEST = 2600
SEVERAL = ("axial_t1c_meningioma", "axial_t2_healthy", "axial_t1c_glioma")
PATIENCE = 240
NAME_FIELD = '[class*="st-key-signin_name"] input'
STILL = "return document.querySelector('[data-testid=\"stApp\"]')?.getAttribute('data-test-script-state')"
BUSY = (
    'return document.querySelectorAll(\'[data-testid="stSpinner"], [data-testid="stSkeleton"], '
    '[data-testid="stPlotlyChart"]:not(:has(.main-svg))\').length'
)
HEIGHT = (
    "const main = document.querySelector('[data-testid=\"stMain\"]'); "
    "return main ? main.scrollHeight + window.innerHeight - main.clientHeight : document.body.scrollHeight"
)


def nothing(driver: WebDriver) -> None:
    """The page as it opens."""


def try_sample(driver: WebDriver) -> None:
    """One click on a sample of the upload page."""
    click(driver, ".st-key-try_sample_coronal_t1c_pituitary button")


def try_a_film(driver: WebDriver) -> None:
    """The mammograms' question, and one of their samples."""
    click(driver, "[class*='st-key-task_analyse'] button:last-child")
    settle(driver)
    click(driver, ".st-key-try_sample_film_left_mlo_mass button")


def upload_several(driver: WebDriver) -> None:
    """Three slices as one study."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"slice-{number}.png" for number in range(1, len(SEVERAL) + 1)]
        for file, phantom in zip(files, SEVERAL, strict=True):
            file.write_bytes(as_png(phantom))
        zone = driver.find_element(By.CSS_SELECTOR, '[data-testid="stFileUploaderDropzoneInput"]')
        zone.send_keys("\n".join(map(str, files)))
        WebDriverWait(driver, PATIENCE).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".st-key-several"))
        settle(driver)


def open_a_study(driver: WebDriver) -> None:
    """Open the oldest of the demo's studies that the list shows."""
    click(driver, '[class*="st-key-row_history_"] [data-testid="stPageLink"] a', last=True)


def open_a_patient(driver: WebDriver) -> None:
    """Open the record of the first patient of the list."""
    click(driver, '[class*="st-key-row_patient_"] [data-testid="stPageLink"] a')


def open_two_studies(driver: WebDriver) -> None:
    """Tick the two studies of the demo's patient who has two, and see them side by side."""
    for number in range(2):
        row = f'//*[contains(@class, "st-key-row_history_")][contains(., "{ZOE[0]}")]'
        boxes = driver.find_elements(By.XPATH, f"({row})[{number + 1}]//input[@type='checkbox']")
        driver.execute_script("arguments[0].click()", boxes[0])
        time.sleep(0.5)
        settle(driver)
    click(driver, '.st-key-ticked [data-testid="stPageLink"] a')


def open_a_result(driver: WebDriver) -> None:
    """Open the newest result that was released to the patient."""
    click(driver, '[class*="st-key-tile_result_"] [data-testid="stPageLink"] a')


def open_the_trail(driver: WebDriver) -> None:
    """Choose the administration's part with the trail."""
    parts = driver.find_elements(By.CSS_SELECTOR, '[data-testid="stButtonGroup"] button')
    driver.execute_script("arguments[0].click()", next(part for part in parts if part.text.strip() == "Trail"))
    time.sleep(0.5)
    settle(driver)


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, who is signed in ("" for nobody), the address, and what is done there first."""

    name: str
    role: str
    path: str
    act: Callable[[WebDriver], None] = nothing
    scheme: str = "dark"


SHOTS = (
    Shot("sign-in", "", ""),
    Shot("home", "doctor", ""),
    Shot("analyse-empty", "doctor", "analyse"),
    Shot("analyse", "doctor", "analyse", try_sample),
    Shot("analyse-several", "doctor", "analyse", upload_several),
    Shot("mammogram", "doctor", "analyse", try_a_film),
    Shot("quick", "doctor", "quick"),
    Shot("history", "doctor", "history"),
    Shot("side-by-side", "doctor", "history", open_two_studies),
    Shot("study", "doctor", "history?verdict=answered", open_a_study),
    Shot("patients", "doctor", "patients"),
    Shot("patient", "doctor", "patients", open_a_patient),
    Shot("results-board", "doctor", "results_board"),
    Shot("model-metrics", "researcher", "compare"),
    Shot("home-patient", "patient", ""),
    Shot("result", "patient", "", open_a_result),
    Shot("administration", "admin", "admin"),
    Shot("trail", "admin", "admin", open_the_trail),
    Shot("account", "admin", "account"),
    Shot("about", "doctor", "about"),
    Shot("home-light", "doctor", "", scheme="light"),
    Shot("analyse-light", "doctor", "analyse", try_sample, scheme="light"),
)


def settle(driver: WebDriver) -> None:
    """Wait until the script has ended, nothing spins, and the picture no longer changes."""
    WebDriverWait(driver, PATIENCE).until(lambda d: d.execute_script(STILL) == "notRunning")
    WebDriverWait(driver, PATIENCE).until(lambda d: d.execute_script(BUSY) == 0)
    before = b""
    for _ in range(20):
        now = driver.get_screenshot_as_png()
        if now == before:
            return
        before = now
        time.sleep(0.5)


def click(driver: WebDriver, selector: str, *, last: bool = False) -> None:
    """Click the first (or last) element of a CSS selector once it is there, and wait for what follows."""

    def pressed(d: WebDriver) -> bool:
        found = d.find_elements(By.CSS_SELECTOR, selector)
        if found:
            script = "arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()"
            d.execute_script(script, found[-1 if last else 0])
        return bool(found)

    # The page may draw the element anew between finding and clicking it.
    WebDriverWait(driver, PATIENCE, ignored_exceptions=(StaleElementReferenceException,)).until(pressed)
    time.sleep(0.5)
    settle(driver)


def sign_in(driver: WebDriver, url: str, role: str) -> None:
    """Fill in the form by the demo's button for a role, and send it."""
    driver.get(url)
    click(driver, f".st-key-role_{role} button")
    WebDriverWait(driver, PATIENCE).until(lambda d: typed_name(d) == role)
    click(driver, '[data-testid="stFormSubmitButton"] button')
    WebDriverWait(driver, PATIENCE).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".st-key-sign_out"))
    settle(driver)


def typed_name(driver: WebDriver) -> str | None:
    """What stands in the sign-in form's first field; None while the page draws it anew."""
    try:
        return driver.find_element(By.CSS_SELECTOR, NAME_FIELD).get_attribute("value")
    except (NoSuchElementException, StaleElementReferenceException):
        return None


def photograph(driver: WebDriver, width: int, height: int) -> bytes:
    """The whole page as PNG, from its top to its end."""
    settle(driver)
    # The slice is as high as the window; it keeps the height of the desk's window while the whole page is taken.
    driver.execute_script(f"document.documentElement.style.setProperty('--falx-window', '{height}px')")
    full = int(driver.execute_script(HEIGHT))
    set_viewport(driver, width, min(max(full, height), TALLEST))
    settle(driver)
    picture = driver.get_screenshot_as_png()
    set_viewport(driver, width, height)
    return picture


def store(picture: bytes, path: Path) -> None:
    """Write a picture as small as PNG gets without losing anything."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.save(path, optimize=True)
    print(f"{path.name}: {image.width} x {image.height}, {path.stat().st_size // 1024} kB", flush=True)


def main() -> None:
    """Take every picture in both sizes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="falx-screens-") as temporary:
        room = Path(temporary)
        with running_app(room / "app") as app:
            fill(Workbench.open(Settings(_env_file=None, demo=True, var_dir=app.var_dir)))
            for width, height in SIZES:
                for role in dict.fromkeys(shot.role for shot in SHOTS):
                    with chromium(room / f"{role or 'nobody'}-{width}", width=width, height=height) as driver:
                        prefer(driver, "dark")
                        if role:
                            sign_in(driver, app.url, role)
                        for shot in (shot for shot in SHOTS if shot.role == role):
                            prefer(driver, shot.scheme)
                            driver.get(f"{app.url}/{shot.path}")
                            settle(driver)
                            shot.act(driver)
                            store(photograph(driver, width, height), folder / f"{shot.name}-{width}.png")


def prefer(driver: WebDriver, scheme: str) -> None:
    """Let the browser ask for the dark theme, the reading room's own, or for the light one."""
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)


if __name__ == "__main__":
    main()
