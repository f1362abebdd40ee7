"""The words by whose beginnings a patient is found."""

from __future__ import annotations

import pytest

from services.records.text import LONGEST_WORD, search_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", set()),
        ("Anna  Müller", {"anna", "muller", "mueller"}),
        ("Müller^Anna", {"anna", "muller", "mueller"}),
        ("Smith-Jones", {"smith-jones", "jones", "smithjones"}),
        ("(geb. O’Neil)", {"(geb.", "geb.", "geb", "o'neil)", "neil)", "oneil"}),
        ("MR-00471", {"mr-00471", "mr00471", "00471", "471"}),
        ("MR00471", {"mr00471", "00471", "471"}),
        ("Þór Æsa", {"thor", "aesa"}),
        ("000", {"000"}),
        ("山田", {"山田", "田"}),
        ("x" * 200, {"x" * LONGEST_WORD}),
    ],
)
def test_words(text, words):
    assert search_words(text) == words
