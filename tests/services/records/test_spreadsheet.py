"""No cell of a table is one that a spreadsheet program would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.spreadsheet import MARK, safe, table

texts = st.one_of(
    st.text(),
    # What hypothesis seldom thinks of by itself.
    st.text(alphabet="=+-@\t\r\n\0 \u3000'\",;|＝＋－＠1A", max_size=12),
)
cells = st.one_of(texts, st.integers(), st.floats(), st.none(), st.dates())


def read(written: bytes) -> list[list[str]]:
    text = written.decode("utf-8")
    assert text.startswith(MARK)
    return list(csv.reader(io.StringIO(text[1:], newline="")))


@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8), size=st.integers(1, 4))
def test_no_cell_runs_and_none_is_cut(rows, size):
    pages = [rows[start : start + size] for start in range(0, len(rows), size)]
    found = read(b"".join(table(["a", "b", "c"], pages)))
    assert found[0] == ["a", "b", "c"]
    assert len(found) == len(rows) + 1
    for row, given_row in zip(found[1:], rows, strict=True):
        for cell, value in zip(row, given_row, strict=True):
            text = value if isinstance(value, str) else "" if value is None else str(value)
            whole = text.encode(errors="replace").decode()
            assert cell in (whole, f"'{whole}")
            if isinstance(value, str):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))
                assert not cell.strip(" \t\r\n\0\u3000").startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
            elif cell.startswith(("=", "+", "-", "@")):
                assert float(cell) == value


@given(text=texts)
def test_harmless_text_stays_as_it_is(text):
    if text[:1].isalnum():
        assert safe(text) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("-2+3|cmd", "'-2+3|cmd"), ("\t=1", "'\t=1"), ("  =1", "'  =1"),
     ("＝1", "'＝1"), ("Zoë", "Zoë"), ("", ""), (None, ""), (-2, "-2"), (-0.5, "-0.5"), (float("-inf"), "'-inf"),
     (date(2024, 2, 3), "2024-02-03"), (datetime(2024, 2, 3, 4, 5, 6, 7, UTC), "2024-02-03T04:05:06.000007+00:00")],
)  # fmt: skip
def test_a_cell(cell, text):
    assert safe(cell) == text


def test_every_cell_stands_in_quotes():
    """Else a program that parts cells at semicolons finds a new cell behind one, and runs that."""
    assert b"".join(table(["a"], [[['x;=1,"y']]])) == (MARK + '"a"\r\n"x;=1,""y"\r\n').encode()
