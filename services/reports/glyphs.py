"""Which characters the report's fonts hold, and what is printed in place of the others."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont

from services.reports.content import ImageDetails, ReportContent

FONTS = Path(__file__).resolve().parent / "fonts"
MAIN = "Inter"
FALLBACKS = ("NotoSansArmenian", "NotoSansGeorgian")
REPLACEMENT = "□"
_SHOWN = 8


@lru_cache(maxsize=1)
def coverage() -> dict[str, frozenset[int]]:
    """The code points of each font family, the main one first."""
    points: dict[str, frozenset[int]] = {}
    for family in (MAIN, *FALLBACKS):
        with TTFont(FONTS / f"{family}-Regular.ttf", lazy=True) as font:
            points[family] = frozenset(font.getBestCmap())
    return points


@dataclass(frozen=True)
class Printable:
    """A text as it can be printed, and the characters that had to be replaced in it, in order and with repeats."""

    text: str
    missing: tuple[str, ...]


def printable(text: str) -> Printable:
    """Compose the text (NFC, Unicode Standard Annex 15) and replace what no font holds by a hollow square.

    Tabs and odd spaces become spaces, line ends become ``\\n``, and format characters, which no font shows (category Cf
    and variation selectors), are left out; other control characters count as missing.
    """
    known = frozenset[int]().union(*coverage().values())
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    written: list[str] = []
    missing: list[str] = []
    for character in composed:
        if character == "\n" or ord(character) in known:
            written.append(character)
        elif unicodedata.category(character) == "Zs":
            written.append(" ")
        elif unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f":
            continue
        else:
            written.append(REPLACEMENT)
            missing.append(character)
    return Printable("".join(written), tuple(missing))


def _sentence(field: str, missing: tuple[str, ...]) -> str:
    distinct = list(dict.fromkeys(f"U+{ord(character):04X}" for character in missing))
    listed = ", ".join(distinct[:_SHOWN]) + (f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else "")
    count = "1 character" if len(missing) == 1 else f"{len(missing)} characters"
    return f"{count} of the {field} could not be printed: {listed}."


def printable_content(content: ReportContent) -> tuple[ReportContent, tuple[str, ...]]:
    """The content with every text made printable, and one sentence for each field in which something was replaced."""
    missing: dict[str, tuple[str, ...]] = {}

    def clean(field: str, text: str) -> str:
        result = printable(text)
        if result.missing:
            missing[field] = missing.get(field, ()) + result.missing
        return result.text

    patient = replace(
        content.patient,
        name=clean("name", content.patient.name),
        identifier=clean("patient's identifier", content.patient.identifier),
        sex=clean("sex", content.patient.sex),
    )
    study = replace(
        content.study,
        identifier=clean("study's identifier", content.study.identifier),
        reader=clean("reader's name", content.study.reader),
        description=clean("description", content.study.description),
        notes=clean("notes", content.study.notes),
    )

    def clean_image(one: ImageDetails) -> ImageDetails:
        image = one.image
        facts = tuple((clean("image details", label), clean("image details", value)) for label, value in image.facts)
        warnings = tuple(clean("image details", warning) for warning in image.warnings)
        return replace(
            one,
            image=replace(image, facts=facts, warnings=warnings),
            gate_reasons=tuple(clean("reasons", reason) for reason in one.gate_reasons),
        )

    evidence = content.evidence
    if evidence is not None:
        evidence = replace(
            evidence,
            title=clean("model's name", evidence.title),
            trained_on=clean("model's description", evidence.trained_on),
            tested_on=clean("model's description", evidence.tested_on),
            over_folds=clean("model's description", evidence.over_folds),
        )
    review = content.review
    if review is not None:
        review = replace(
            review, reviewer=clean("reviewer's name", review.reviewer), reason=clean("review", review.reason)
        )
    cleaned = replace(
        content,
        patient=patient,
        study=study,
        lead=clean_image(content.lead),
        further=tuple(clean_image(one) for one in content.further),
        evidence=evidence,
        review=review,
    )
    return cleaned, tuple(_sentence(field, characters) for field, characters in missing.items())
