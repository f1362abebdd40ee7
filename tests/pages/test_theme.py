"""One palette: Streamlit's theme, the style sheet and the tasks say the same colours."""

from __future__ import annotations

import re
import tomllib

import pytest

from pages.view import theme, words
from services.palette import DARK, FONT, LIGHT
from services.tasks import TASKS
from tests.pages.conftest import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "palette"), [("dark", DARK), ("light", LIGHT)])
def test_the_themes_have_the_palettes_colours(name, palette):
    section = CONFIG["theme"][name]
    assert section["backgroundColor"] == palette.ground
    assert section["secondaryBackgroundColor"] == palette.surface
    assert section["borderColor"] == palette.line
    assert section["textColor"] == palette.text
    assert section["grayTextColor"] == palette.muted
    assert section["primaryColor"] == palette.accent


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_text_can_be_read_on_every_ground(palette):
    for ground in (palette.ground, palette.surface):
        for text in (palette.text, palette.muted, palette.accent):
            assert contrast(text, ground) >= 4.5, (text, ground)
    on_accent = DARK.ground if palette is DARK else LIGHT.surface
    assert contrast(on_accent, palette.accent) >= 4.5


def test_every_class_has_its_dot():
    for task in TASKS.values():
        dots = [words.dot(task.key, key) for key in task.class_keys]
        assert len(set(dots)) == len(dots)
        for info, dot in zip(task.classes, dots, strict=True):
            name = re.fullmatch(r":(\w+)\[●\]", dot)
            assert name, info.key
            for section in ("dark", "light"):
                assert CONFIG["theme"][section][f"{name[1]}TextColor"] == info.colour


def test_the_style_sheet_names_no_colour_of_its_own():
    style = theme.STYLE.read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9A-Fa-f]{3,8}\b", style)) <= {"#000"}


def test_the_font_is_served_by_the_app():
    (face,) = CONFIG["theme"]["fontFaces"]
    assert face["family"] == FONT
    assert (ROOT / face["url"].removeprefix("app/")).exists()
    assert CONFIG["server"]["enableStaticServing"] is True


def test_nobody_sees_a_trace_and_nothing_is_reported_home():
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert CONFIG["client"]["toolbarMode"] == "minimal"
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["maxUploadSize"] == 100
