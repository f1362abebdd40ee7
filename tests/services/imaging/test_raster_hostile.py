"""PNG and JPEG files that are broken or made to do harm: each ends in a sentence, soon and within its memory."""

from __future__ import annotations

import re
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.errors import DamagedFile, TooLarge, UnsupportedFormat
from services.imaging.decode import decode
from services.imaging.limits import Limits
from tests.services.imaging.bad_input import refusal, slice_or_sentence
from tests.services.imaging.raster_files import ALPHA, COLOUR, GREY, chunk, jpeg, png, raw_png


def test_a_png_of_a_few_kilobytes_and_900_megapixels_is_refused_by_its_header():
    deflater = zlib.compressobj(9)
    rows = deflater.compress(bytes(3751 * 1000)) + deflater.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert len(data) < 10_000
    assert "30000 x 30000 pixels; at most 32 million" in refusal(data, TooLarge)


def test_a_jpeg_that_claims_too_many_pixels_is_refused_by_its_header():
    data = bytearray(jpeg(GREY))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert "65535 x 65535" in refusal(bytes(data), TooLarge)


def test_the_limit_of_pixels_is_exact():
    assert decode(png(GREY), limits=Limits(max_pixels=13 * 9)).shape == (13, 9)
    refusal(png(GREY), TooLarge, limits=Limits(max_pixels=13 * 9 - 1))


def test_text_chunks_that_grow_without_end_are_never_inflated():
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(50_000_000), 9))
    data = raw_png(2, 1, 8, 0, b"\0\1\2", bomb, profile, after=[bomb])
    assert np.allclose(decode(data).pixels, [[1 / 255, 2 / 255]])


def test_pixels_beyond_the_image_are_never_inflated():
    assert decode(raw_png(2, 1, 8, 0, b"\0\1\2" + bytes(100_000_000))).shape == (1, 2)


def test_floods_of_parts_are_refused():
    parts = chunk(b"tEXt", b"a\0b") * 100_001
    assert "more than 100,000 parts" in refusal(raw_png(2, 1, 8, 0, b"\0\1\2", parts), TooLarge)
    plain = jpeg(GREY)
    assert "more than 100,000 parts" in refusal(plain[:2] + b"\xff\xfe\0\2" * 100_001 + plain[2:], TooLarge)
    assert "more than 100,000 parts" in refusal(plain[:2] + b"\xff" * 1_000_000 + plain[2:], TooLarge)


def test_a_jpeg_of_endless_scans_is_refused():
    plain = jpeg(COLOUR, progressive=True)
    at = plain.rindex(b"\xff\xda")
    assert re.search(r"in 1\d\d scans", refusal(plain[:at] + plain[at:-2] * 120 + b"\xff\xd9", TooLarge))


def test_many_scans_of_many_pixels_are_refused():
    plain = jpeg(COLOUR, progressive=True)
    at, size = plain.rindex(b"\xff\xda"), plain.index(b"\xff\xc2") + 5
    large = plain[:size] + struct.pack(">HH", 8000, 8000) + plain[size + 4 : at] + plain[at:-2] * 20 + b"\xff\xd9"
    assert " scans" in refusal(large, TooLarge)


def test_a_jpeg_overwritten_with_ones_is_refused_before_a_decoder_chokes_on_it():
    plain = jpeg(GREY)
    assert "overwritten" in refusal(plain[:-2] + b"\xff" * 50_000_000, DamagedFile)
    assert np.array_equal(decode(plain + b"\xff" * 50_000).pixels, decode(plain).pixels)


@pytest.mark.parametrize("rest", [bytes(20_000_000), b"\xff\xd0" * 10_000_000, b"\xff\x00" * 10_000_000])
def test_what_follows_the_last_pixel_does_not_matter(rest):
    plain = jpeg(GREY)
    assert np.array_equal(decode(plain[:-2] + rest).pixels, decode(plain).pixels)


def test_an_endless_row_is_refused():
    assert "and 65535 in a row or column" in refusal(raw_png(65_536, 1, 8, 0, bytes(65_537)), TooLarge)
    assert decode(raw_png(65_535, 1, 8, 0, bytes(65_536))).shape == (1, 65_535)


def test_jpegs_that_only_dicom_holds_are_named():
    data = bytearray(jpeg(GREY))
    at = data.index(b"\xff\xc0")
    data[at + 4] = 12
    assert "12-bit JPEG" in refusal(bytes(data), UnsupportedFormat)
    data[at + 1], data[at + 4] = 0xC3, 8
    assert "lossless" in refusal(bytes(data), UnsupportedFormat)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n",
        raw_png(0, 5, 8, 0, b""),
        raw_png(2, 1, 8, 0, b"\0\1\2").replace(b"IHDR", b"IHDx"),
        raw_png(2, 1, 9, 0, b"\0\1\2"),
        raw_png(2, 1, 8, 5, b"\0\1\2"),
        raw_png(2, 1, 8, 0, b"\0\1"),
        raw_png(2, 1, 8, 0, b"\x09\1\2"),
        raw_png(2, 1, 16, 2, b"\0\1\2"),
        raw_png(2, 1, 8, 3, b"\0\0\1", chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(range(1, 256)) + bytes(9))),
        png(GREY).replace(b"IEND", b"IENX"),
        jpeg(GREY)[:30],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xda\0\2",
        b"\xff\xd8\xff\xc0\0\3\1\xff\xda\0\2",
    ],
)
def test_broken_files_are_damaged(data):
    refusal(data, DamagedFile)


def test_every_truncation_of_a_png_is_refused():
    data = png(COLOUR)
    for end in range(8, len(data)):
        assert "cut off" in refusal(data[:end], DamagedFile)


def test_every_truncation_of_a_jpeg_is_refused_or_loses_nothing():
    data = jpeg(COLOUR)
    whole = decode(data).pixels
    for end in range(3, len(data)):
        answer = slice_or_sentence(data[:end])
        if not isinstance(answer, str):
            # All pixels are there; only the end marker is missing.
            assert np.array_equal(answer.pixels, whole)
            assert end >= len(data) - 3


BEGINNINGS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10JFIF\0"]
PLACE = st.floats(0, 1, exclude_max=True)
SAMPLES = [
    png(COLOUR),
    png(GREY),
    png(np.dstack([COLOUR, ALPHA])),
    png(GREY.astype(np.uint16) * 9),
    jpeg(COLOUR),
    jpeg(GREY, progressive=True),
    cv2.imencode(".png", COLOUR.astype(np.uint16) * 200)[1].tobytes(),
    png(Image.fromarray(COLOUR).quantize(9)),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(PLACE, st.integers(0, 7)), min_size=1, max_size=9))
def test_flipped_bits(data, flips):
    content = bytearray(data)
    for where, bit in flips:
        content[int(where * len(content))] ^= 1 << bit
    slice_or_sentence(bytes(content))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([sample for sample in SAMPLES if sample.startswith(b"\x89PNG")]),
    st.lists(st.tuples(PLACE, st.integers(0, 255)), min_size=1, max_size=9),
)
def test_chunks_with_changed_content_and_right_checksums(data, changes):
    position, parts = 8, [data[:8]]
    bodies = []
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        bodies.append((kind, bytearray(data[position + 8 : position + 8 + length])))
        position += 12 + length
    total = sum(len(body) for _, body in bodies)
    for where, value in changes:
        at = int(where * total)
        for _, body in bodies:
            if at < len(body):
                body[at] = value
                break
            at -= len(body)
    header = bodies[0][1]
    columns, rows = struct.unpack_from(">II", header)
    struct.pack_into(">II", header, 0, columns % 5000, rows % 5000)
    slice_or_sentence(b"".join(parts + [chunk(kind, bytes(body)) for kind, body in bodies]))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([sample for sample in SAMPLES if sample.startswith(b"\x89PNG")]),
    st.sampled_from([b"PLTE", b"tRNS", b"IDAT", b"IHDR", b"acTL", b"eXIf", b"gAMA"]),
    st.binary(max_size=800),
    st.booleans(),
)
def test_parts_that_do_not_belong(data, kind, body, last):
    at = data.index(b"IDAT" if not last else b"IEND") - 4
    slice_or_sentence(data[:at] + chunk(kind, body) + data[at:])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=300))
def test_anything_after_the_first_bytes(start, rest):
    slice_or_sentence(start + rest)
