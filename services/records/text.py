"""How text is cleaned before it is stored, and folded before it is searched or compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

LINE_BREAKS = "\n\t"
LONGEST_WORD = 64
# Letters that Unicode does not take apart and signs that keyboards differ in, as people without the key type them; and
# what separates DICOM names.
LIKE: dict[int, str | int | None] = {
    **str.maketrans("ıłøđðħŋ’‘ʼ´`‐‑–−^,;=", "iloddhn" + 5 * "'" + "----    ", ""),
    **{ord(letter): two for letter, two in (("æ", "ae"), ("œ", "oe"), ("þ", "th"))},
}
# As passports and scanners write them where they have no marks.
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_PART = re.compile(r"[^\W\d_]+|\d+")
# From here on scripts write names without spaces between their parts.
_CLOSE_SCRIPTS = 0x2E80


def clean_line(value: Any) -> Any:
    """One line of text, in Unicode NFC, without outer or doubled spaces; anything but a str passes through unchanged.

    Raises ValueError for characters that no name or number has (control characters, halves of surrogate pairs), which
    neither a database nor a report could carry.
    """
    if not isinstance(value, str):
        return value
    _refuse_unprintable(value.replace("\t", " ").replace("\n", " ").replace("\r", " "))
    return unicodedata.normalize("NFC", " ".join(value.split()))


def clean_text(value: Any) -> Any:
    """Like clean_line, but several lines stay several lines."""
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_unprintable(lines.translate({ord(c): " " for c in LINE_BREAKS}))
    return unicodedata.normalize("NFC", lines.strip())


def same(text: str) -> str:
    """The form in which two spellings of one name or number are equal: NFC, case folded, single spaces.

    What cannot be encoded (halves of surrogate pairs) becomes a question mark, so that any text can be searched for.
    """
    folded = unicodedata.normalize("NFC", text.encode(errors="replace").decode()).casefold()
    return unicodedata.normalize("NFC", " ".join(folded.split()))


def fold(text: str) -> str:
    """The form in which text is searched: case and accents gone, and the separators of DICOM names become spaces.

    Both databases then compare plain code points, so a search finds the same in each, whatever their collations do.
    """
    letters = (c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    return same("".join(letters).casefold().translate(LIKE))


def search_words(text: str) -> frozenset[str]:
    """The words by whose beginnings ``text`` is found, folded, each of LONGEST_WORD characters at most.

    Where a word has several parts (Smith-Jones, MR-00471, MR471), it is found by each later one as well, a number also
    without the noughts before it, the whole without its signs, and a name in a script without spaces by any character.
    """
    found = set()
    folded = f"{fold(text)} {fold(unicodedata.normalize('NFC', text).casefold().translate(_SPELT_OUT))}"
    for word in folded.split():
        starts = [part.start() for part in _PART.finditer(word)]
        starts += [at for at, letter in enumerate(word) if ord(letter) >= _CLOSE_SCRIPTS]
        ends = {word, "".join(_PART.findall(word)), *(word[start:] for start in starts)}
        found |= ends | {end.lstrip("0") for end in ends}
    return frozenset(word[:LONGEST_WORD] for word in found if word)


def parts_of(word: str) -> list[str]:
    """A folded word taken apart at signs and between letters and digits, numbers without the noughts before them."""
    return [part.lstrip("0") or part for part in _PART.findall(word)]


def printable_name(name: str) -> str:
    """A file name fit for display: its last part only, nothing unprintable, at most 255 characters, ending kept."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cs", "Cf")).strip()
    kept = unicodedata.normalize("NFC", kept) or "file"
    if len(kept) <= 255:
        return kept
    stem, dot, ending = kept.rpartition(".")
    return f"{stem[: 254 - len(ending)]}{dot}{ending}" if dot and len(ending) <= 16 else kept[:255]


def _refuse_unprintable(text: str) -> None:
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"contains the unprintable character U+{ord(character):04X}; type it again")
