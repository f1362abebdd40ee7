"""The samples on offer: what a click on one waits for."""

from __future__ import annotations

from pages.view import intake
from tests.pages.conftest import text
from tests.pages.test_analyse import FINDINGS, analyse  # noqa: F401 - a fixture


def test_nothing_is_drawn_between_the_click_on_a_sample_and_its_callbacks_end(analyse, monkeypatch):  # noqa: F811
    """Streamlit drops a callback that another event of the page interrupts, such as the arrival of the cookie."""

    def too_late(key: str, seed: int = 0) -> bytes:
        raise AssertionError(f"{key} is drawn while its callback runs")

    monkeypatch.setattr(intake, "as_dicom", too_late)
    analyse.button(key="try_sample_sagittal_t1c_healthy").click()
    intake.sample.cache_clear()
    # The page with the answer offers them again, and may draw them then.
    monkeypatch.setattr(intake, "samples", lambda *_, **__: None)
    app = analyse.run()
    assert not app.exception
    assert any(finding in text(app) for finding in FINDINGS)
