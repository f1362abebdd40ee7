"""The doctor's verdict in the PDF: who, when, whether it agrees, and that it replaces an earlier one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.errors import ReportError
from services.reports.content import ReviewDetails
from services.reports.report import build_report
from tests.services.reports.test_report import pages, text, with_lead

REVIEW = ReviewDetails(
    reviewer="Dr. Żaneta Müller",
    created=datetime(2024, 5, 3, 8, 15, tzinfo=UTC),
    agrees=False,
    label="meningioma",
    reason="Dural tail.\nExtra-axial.",
)


def test_an_override_is_printed_with_its_reason_and_dates_the_report(content):
    read = pages(build_report(replace(content, review=REVIEW)))
    for expected in (
        "amended report", "The doctor overrides the model: meningioma.", "Dural tail. Extra-axial.",
        "Reviewed by Dr. Żaneta Müller, 2024-05-03 08:15 UTC.", "The slice suggests a glioma.", "2024-05-01 10:22",
    ):  # fmt: skip
        assert expected in read[0], expected
    assert all("· 2024-05-03 08:15 UTC" in page for page in read)
    assert "replaces" not in read[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"agrees": True, "label": "glioma"}, "The doctor agrees with the model: glioma."),
        ({"label": "other"}, "The doctor overrides the model: another finding."),
        ({"label": "indeterminate"}, "The doctor overrides the model: indeterminate."),
        ({"earlier": 1}, "This replaces an earlier review."),
        ({"earlier": 3}, "This replaces 3 earlier reviews."),
    ],
)
def test_what_a_review_comes_to_is_one_sentence(content, changes, sentence):
    assert sentence in text(build_report(replace(content, review=replace(REVIEW, **changes))))


def test_an_unreviewed_report_says_nothing_of_a_review(content):
    read = text(build_report(content))
    assert "The doctor" not in read
    assert "amended" not in read


def test_a_refused_slice_is_reviewed_too_and_a_long_reason_breaks_nothing(content):
    reasons = ("This is a colour picture.",)
    refused = replace(with_lead(content, prediction=None, heat=None, gate_reasons=reasons), evidence=None)
    long = replace(REVIEW, reason="A word to be read. " * 105)
    for whole in (refused, content):
        read = text(build_report(replace(whole, review=long)))
        assert read.count("A word to be read.") == 105


def test_characters_without_a_glyph_are_named(content):
    read = text(build_report(replace(content, review=replace(REVIEW, reviewer="王小明"))))
    assert "3 characters of the reviewer's name could not be printed" in read


def test_a_finding_that_the_task_does_not_have_is_refused(content):
    with pytest.raises(ReportError, match="review names a finding"):
        build_report(replace(content, review=replace(REVIEW, label="lymphoma")))
