"""A study of several images in the PDF: the leading one first and said to lead, then a section for each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.errors import ReportError
from services.inference.prediction import Verdict
from services.reports.content import ImageDetails
from services.reports.report import build_report
from tests.services.reports.test_report import pages, text, with_lead


def several(content, further: int):
    """The content as image 2, and that many others around it: answered, refused, answered, refused …"""
    lead = content.lead
    numbers = [number for number in range(1, further + 2) if number != 2]
    shares = (0.02, 0.03, 0.05, 0.9)
    healthy = replace(lead.prediction, label="notumor", probabilities=shares, confidence=0.9)
    others = (
        replace(lead, number=number, prediction=healthy, heat=replace(lead.heat, label="notumor"))
        if number % 2
        else ImageDetails(lead.image, number, gate_reasons=("This is a colour picture.",))
        for number in numbers
    )
    return replace(with_lead(content, number=2), further=tuple(others))


def test_each_image_has_its_answer_and_the_leading_one_is_first(content):
    read = pages(build_report(several(content, 3)))
    assert "Image 2 of 4 leads, because its answer is the one to look at first." in read[0]
    assert "The slice suggests a glioma." in read[0]
    rest = " ".join(read[1:])
    places = [rest.index(f"Image {number}") for number in (1, 3, 4, 2)]
    assert places == sorted(places)
    assert rest.count(content.task.class_info("notumor").finding) == 2
    assert rest.count("no tumour 90.0%") == 2
    assert "No answer: this does not look like a brain MRI slice. The check of the image refused it: This is" in rest
    assert rest.count("brain_tumor_type/efficientnet/7") >= 2


def test_a_study_of_one_image_says_nothing_of_others(content):
    read = text(build_report(content))
    assert "leads" not in read
    assert "Image 1" not in read


@pytest.mark.parametrize(("further", "most"), [(1, 3), (2, 4), (11, 9)])
def test_two_further_images_take_a_page(content, further, most):
    assert len(pages(build_report(several(content, further)))) <= most


def test_characters_of_further_images_are_replaced_too(content):
    whole = several(content, 3)
    *rest, last = whole.further
    whole = replace(whole, further=(*rest, replace(last, gate_reasons=("Not 漢 grey.",))))
    read = text(build_report(whole))
    assert "Not □ grey." in read
    assert "1 character of the reasons could not be printed: U+6F22." in read


def test_a_further_image_that_contradicts_itself_is_refused(content):
    whole = several(content, 1)
    (other,) = whole.further
    wrong = replace(other.prediction, classes=("a", "b", "c", "d"), verdict=Verdict.ANSWERED)
    with pytest.raises(ReportError, match="class that its task"):
        build_report(replace(whole, further=(replace(other, prediction=wrong),)))
