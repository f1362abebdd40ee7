"""The PDF: everything that was given is in it and can be read out again, page by page, in every state of an answer."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from pypdf import PdfReader

from services.errors import ReportError
from services.imaging.slice import Geometry
from services.inference.prediction import Verdict
from services.reports.content import PatientDetails
from services.reports.report import DEMO, build_report
from services.reports.words import DISCLAIMER
from services.settings import VERSION


def pages(data: bytes) -> list[str]:
    """The text of every page, white space made single."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def with_lead(content, **changes):
    """The content with another leading image."""
    return replace(content, lead=replace(content.lead, **changes))


def text(data: bytes) -> str:
    return " ".join(pages(data))


def test_everything_given_is_printed(content):
    printed = text(build_report(content))
    for expected in (
        "Zoë Grünwald", "PAT-0815", "1961-03-14", "female",
        "3f2b8e1c-9a4d-4c7e-8b1a-0d5e6f7a8b9c", "2024-05-01 10:22", "2024-04-30", "Headache for three weeks",
        "Compare with 2022.", "Dr. Ann Smith",
        "Brain tumour type", "What does this slice suggest?", "The slice suggests a glioma.",
        "Confidence 93.1%: of 100 such answers, about 93 are right.",
        "glioma 93.1%", "meningioma 5.2%", "pituitary tumour 1.3%", "no tumour 0.4%", "answers from 70%",
        "frame 5 of 9", "50 mm", "1 hottest", "What spoke for glioma",
        "The hottest point lies in the upper right", "Grad-CAM, layer top_activation",
        "DICOM", "256 × 256 pixels", "0.9 × 0.9 mm", "5 mm", "axial", "MR", "Falx Phantom", "10 ms",
        "0123456789abcdef" * 4, "The file had no window.",
        "EfficientNetV2B0, version 7 (brain_tumor_type/efficientnet/7)", "Trained on 4,480 slices.",
        "Tested on 759 slices of 118 other patients.",
        "94.7%", "92.5 to 96.5%", "94.4%", "92.1 to 96.1%", "94.3%", "91.8 to 96.2%", "94.1%", "91.7 to 96.0%", "2.1%",
        "270 10 3 2", "6 131 4 2", "1 3 1,180 1", "2 5 1 140", "1,761 test images",
    ):  # fmt: skip
        assert expected in printed, expected
    for caveat in content.task.caveats:
        assert caveat in printed


def test_every_page_has_number_study_time_version_and_disclaimer(content):
    notes = "\n\n".join(f"Paragraph {n}. " + "The finding was discussed at length. " * 30 for n in range(8))
    read = pages(build_report(replace(content, study=replace(content.study, notes=notes))))
    assert len(read) >= 4
    for number, page in enumerate(read, start=1):
        assert f"Page {number} of {len(read)}" in page
        assert DISCLAIMER in page
        assert f"Falx {VERSION} · study {content.study.identifier} · 2024-05-01 10:22 UTC" in page
        assert "Zoë Grünwald" in page
        assert DEMO not in page
    joined = " ".join(read)
    assert all(f"Paragraph {n}." in joined for n in range(8))
    assert "not printed" not in joined


def test_empty_lines_of_the_notes_take_no_pages(content):
    notes = replace(content.study, notes="The first." + "\n \n" * 950 + "The last.")
    read = pages(build_report(replace(content, study=notes)))
    assert len(read) == 2
    assert "The first." in read[1]
    assert "The last." in read[1]
    assert "not printed" not in read[1]


def test_a_note_of_endless_lines_is_cut_and_says_so(content):
    notes = replace(content.study, notes="\n".join(f"n{n}" for n in range(1900)))
    read = pages(build_report(replace(content, study=notes)))
    assert len(read) <= 5
    joined = " ".join(read).split()
    assert "n99" in joined
    assert "n100" not in joined
    assert "1800 more lines are not printed; the record of the study holds the whole note." in " ".join(joined)


def test_a_plain_study_takes_two_pages(content):
    assert len(pages(build_report(content))) == 2


def test_times_of_other_zones_are_printed_in_utc(content):
    created = datetime(2024, 5, 1, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert "2024-04-30 23:05" in text(build_report(replace(content, study=replace(content.study, created=created))))


@pytest.mark.parametrize(
    "name",
    [
        "Αλέξανδρος Παπαδόπουλος", "Łukasz Żółkiewski-Ćwiąkała", "Дмитрий Щербаков", "Ђорђе Његош", "Іван Їжакевич",
        "Ștefan Ţepeş", "Þórður Ægisson", "Ğülşen İnönü", "Éva Kőszegi-Fűrész", "Nguyễn Thị Hồng", "Ἀριστοτέλης",
        "გიორგი ბერიძე", "Արմեն Պետրոսյան", "Ċetta Għawdxija", "Ŵyn ap Ŷnys", "Jüri Õunapuu",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["composed", "decomposed"])
def test_european_names_are_printed_whole(content, caplog, name, form):
    given = unicodedata.normalize("NFD", name) if form == "decomposed" else name
    printed = text(
        build_report(replace(content, patient=PatientDetails(given), study=replace(content.study, reader=given)))
    )
    assert name in unicodedata.normalize("NFC", printed)
    assert "could not be printed" not in printed
    assert not caplog.records, "a font misses a glyph"


def test_a_missing_glyph_is_replaced_and_named(content):
    printed = text(build_report(replace(content, patient=PatientDetails("Li 漢字 \U0001f600"))))
    assert "Li □□ □" in printed
    assert "3 characters of the name could not be printed: U+6F22, U+5B57, U+1F600." in printed
    notes = replace(content.study, notes="One 漢 only", reader="\x07Bell")
    printed = text(build_report(replace(content, study=notes)))
    assert "1 character of the notes could not be printed: U+6F22." in printed
    assert "1 character of the reader's name could not be printed: U+0007." in printed


def test_many_missing_glyphs_are_counted_not_all_listed(content):
    printed = text(
        build_report(replace(content, patient=PatientDetails("".join(map(chr, range(0x4E00, 0x4E00 + 30))))))
    )
    assert "30 characters of the name could not be printed: U+4E00" in printed
    assert "and 22 more." in printed


def test_text_is_never_markup_or_a_placeholder(content):
    typed = "<b>bold</b> **stars** __line__ {nb} {{nb}} %PDF & \\n (x) \u00adhidden --dash--"
    printed = text(build_report(replace(content, study=replace(content.study, notes=typed))))
    assert "<b>bold</b> **stars** __line__ {nb} {{nb}} %PDF & \\n (x) hidden --dash--" in printed


def test_uncertain_says_refer(content):
    shares = (0.52, 0.31, 0.1, 0.07)
    unsure = replace(content.lead.prediction, probabilities=shares, confidence=0.52, verdict=Verdict.UNCERTAIN)
    printed = text(build_report(with_lead(content, prediction=unsure)))
    assert content.task.uncertain_finding in printed
    assert "about 52 would be right" in printed
    assert "from 70% on" in printed
    assert "The slice suggests a glioma" not in printed


def test_refused_gives_reasons_and_no_figures(content):
    reasons = ("The picture is coloured.", "It is a CT.")
    refused = replace(with_lead(content, prediction=None, heat=None, gate_reasons=reasons), evidence=None)
    printed = text(build_report(refused))
    assert "No answer" in printed
    assert "The check of the image refused it: The picture is coloured. It is a CT." in printed
    assert "suggests" not in printed
    assert "93.1%" not in printed
    assert "What the answer does not mean" not in printed


def test_overruled_says_so_and_claims_no_calibration(content):
    printed = text(build_report(with_lead(content, gate_reasons=("The picture is coloured.",), overruled=True)))
    assert "the reader overruled the check: The picture is coloured." in printed
    assert "do not read it as a share of right answers" in printed
    assert "of 100 such answers" not in printed


def test_without_heat_map_it_says_so(content):
    printed = text(build_report(with_lead(content, heat=None)))
    assert "No heat map was made for this answer." in printed
    assert "1 hottest" not in printed
    assert content.task.caveats[0] in printed


def test_an_empty_heat_map_is_told(content):
    blank = replace(content.lead.heat, values=np.zeros_like(content.lead.heat.values))
    assert "Nothing in the slice spoke for glioma" in text(build_report(with_lead(content, heat=blank)))


def test_demo_is_said_on_every_page(content):
    assert all(DEMO in page for page in pages(build_report(replace(content, demo=True))))


def test_empty_details_and_unknown_spacing_are_laid_out(content):
    bare = replace(
        content,
        patient=PatientDetails(),
        study=replace(content.study, date=None, description="", notes="", reader=""),
    )
    image = replace(content.lead.image, geometry=Geometry(), facts=(), warnings=(), frame=0, frames=1, modality=None)
    bare = with_lead(bare, image=image)
    printed = text(build_report(bare))
    assert "Patient –" in printed
    assert "50 mm" not in printed
    assert "Notes of the reader" not in printed


@pytest.mark.parametrize("shape", [(48, 120), (400, 160), (1, 1)])
@pytest.mark.parametrize("long", [False, True])
def test_any_form_of_slice_fits_the_page(content, shape, long):
    pixels = np.random.default_rng(0).random(shape, dtype=np.float32)
    image, heat = replace(content.lead.image, pixels=pixels), replace(content.lead.heat, values=pixels)
    changed = with_lead(content, image=image, heat=heat)
    if long:
        changed = replace(
            changed,
            patient=PatientDetails("Wolfeschlegelsteinhausenbergerdorff " * 8, "X" * 64),
            study=replace(content.study, description="A very long description. " * 40),
        )
    for page in PdfReader(io.BytesIO(build_report(changed))).pages:
        assert page.mediabox.width == pytest.approx(595.28, abs=0.1)
        assert page.mediabox.height == pytest.approx(841.89, abs=0.1)
    assert "Page 1 of" in text(build_report(changed))


def test_the_bars_have_the_colours_of_their_classes(content):
    drawn = b"".join(page.get_contents().get_data() for page in PdfReader(io.BytesIO(build_report(content))).pages)
    colours = {
        tuple(round(float(part) * 255) for part in found.split())
        for found in re.findall(rb"([\d.]+ [\d.]+ [\d.]+) rg", drawn)
    }
    for info in content.task.classes:
        assert tuple(int(info.colour[i : i + 2], 16) for i in (1, 3, 5)) in colours, info.key


def test_slice_and_overlay_are_embedded(content):
    images = [image for page in PdfReader(io.BytesIO(build_report(content))).pages for image in page.images]
    sizes = [image.image.size for image in images]
    assert sizes.count((900, 900)) == 2
    grey = next(image.image for image in images if image.image.mode == "L")
    back = np.asarray(grey.resize((256, 256)), dtype=float) / 255
    assert np.abs(back - content.lead.image.pixels).mean() < 0.02


def test_the_same_content_gives_the_same_bytes(content):
    assert build_report(content) == build_report(content)
    other = replace(content, study=replace(content.study, created=content.study.created + timedelta(minutes=1)))
    assert build_report(content) != build_report(other)


def test_contradictions_are_refused_with_a_sentence(content):
    with pytest.raises(ReportError, match="time zone"):
        build_report(replace(content, study=replace(content.study, created=datetime(2024, 5, 1))))  # noqa: DTZ001
    with pytest.raises(ReportError, match="heat map does not fit"):
        build_report(with_lead(content, heat=replace(content.lead.heat, values=np.zeros((3, 3), np.float32))))
    with pytest.raises(ReportError, match="class that its task"):
        build_report(with_lead(content, prediction=replace(content.lead.prediction, classes=("a", "b", "c", "d"))))
    with pytest.raises(ReportError, match="confusion matrix"):
        build_report(replace(content, evidence=replace(content.evidence, confusion=((1, 2), (3, 4)))))
