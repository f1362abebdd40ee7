"""What is stored of a PNG or JPEG file shows the same picture and says nothing else."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.errors import DamagedFile
from services.imaging import decode as decoding
from services.imaging.decode import decode, without_identity
from services.imaging.metadata import without_metadata
from tests.services.imaging.raster_files import ALPHA, COLOUR, GREY, RNG, chunk, jpeg, png, raw_png

# Unlike anything that a picture has of itself.
MARK = b"Zweisamkeit"
NAME = MARK.decode()
SMOOTH = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
DEEP = RNG.integers(0, 2**16, (13, 9), np.uint16)


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x010E], found[0x013B], found[0x0112] = NAME, NAME, orientation
    found.get_ifd(0x8825)[29] = NAME
    return found


def in_png(picture: Image.Image, orientation: int = 1) -> bytes:
    """A PNG with the mark in every kind of chunk that takes a text, within the image's stream and behind the end."""
    texts = PngInfo()
    texts.add_text("Author", NAME)
    texts.add_text("Comment", NAME, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", f"<x>{NAME}</x>")
    data = png(picture, exif=exif(orientation), icc_profile=MARK * 20, pnginfo=texts, dpi=(77, 77))
    extra = chunk(b"tIME", b"\x07\xb9\7\7\7\7\7") + chunk(b"prVt", MARK) + chunk(b"sPLT", MARK + b"\0\x08")
    end, first = data.rindex(b"IDAT"), data.index(b"IDAT") - 4
    length = struct.unpack_from(">I", data, end - 4)[0]
    last = data[end + 4 : end + 4 + length]
    tail = chunk(b"IDAT", last + MARK) + chunk(b"IDAT", MARK) + chunk(b"IEND", MARK) + MARK
    return data[:first] + extra + data[first : end - 4] + tail


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def in_jpeg(picture: Image.Image, orientation: int = 1, **options: object) -> bytes:
    """A JPEG with the mark in each segment that takes one, in thumbnails, between scans and behind the end."""
    data = jpeg(picture, exif=exif(orientation), icc_profile=MARK * 20, comment=MARK, **options)
    thumbnail = b"JFIF\0\1\2\0\0\1\0\1\3\1" + b"Zweisamke"
    extra = [segment(0xE0, thumbnail), segment(0xE0, b"JFXX\0\x13\1\1" + MARK)]
    extra += [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARK), segment(0xED, b"Photoshop 3.0\0" + MARK)]
    extra += [segment(0xEE, MARK * 2), segment(0xFE, MARK)]
    if picture.mode != "CMYK":
        data = data[:2] + data[2 + 2 + struct.unpack_from(">H", data, 4)[0] :]
    assert data.endswith(b"\xff\xd9")
    return data[:2] + b"".join(extra) + data[2:-2] + segment(0xFE, MARK) + b"\xff\xd9" + MARK + jpeg(picture)


PICTURES = {
    "grey": (Image.fromarray(GREY), {}),
    "colour": (Image.fromarray(COLOUR), {}),
    "palette": (Image.fromarray(COLOUR).quantize(9), {}),
    "alpha": (Image.fromarray(np.dstack([COLOUR, ALPHA])), {}),
    "one bit": (Image.fromarray(GREY).convert("1"), {}),
    "16 bit": (Image.fromarray(DEEP), {}),
    "CMYK": (Image.fromarray(COLOUR).convert("CMYK"), {}),
    "smooth": (Image.fromarray(SMOOTH), {}),
    "progressive": (Image.fromarray(np.dstack([SMOOTH] * 3)), {"progressive": True}),
    "restarts": (Image.fromarray(SMOOTH), {"restart_marker_blocks": 2}),
}
AS_PNG = ("grey", "colour", "palette", "alpha", "one bit", "16 bit")
FILES = {f"PNG {name}": in_png(PICTURES[name][0]) for name in AS_PNG}
FILES |= {
    f"JPEG {name}": in_jpeg(PICTURES[name][0], **PICTURES[name][1])
    for name in ("grey", "colour", "CMYK", "smooth", "progressive", "restarts")
}


def said(data: bytes) -> bytes:
    """The file, and what Pillow reads beside its pixels, unpacked."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return data + repr((picture.info, dict(picture.getexif()))).encode()


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_beside_the_same_picture(name):
    data = FILES[name]
    assert said(data).count(MARK) > 5
    image = decode(data)
    clean = without_identity(data, image)
    assert np.array_equal(decode(clean).pixels, image.pixels)
    told = said(clean)
    assert MARK not in told
    assert MARK[:8] not in told
    for word in (b"exif", b"xmp", b"icc_profile", b"comment", b"Author"):
        assert word not in told.lower()
    assert without_identity(clean, image) == clean


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("write", [in_png, in_jpeg])
def test_a_turned_picture_stays_turned_and_says_nothing_else(write, orientation):
    data = write(Image.fromarray(SMOOTH), orientation)
    image = decode(data)
    clean = without_identity(data, image)
    assert np.array_equal(decode(clean).pixels, image.pixels)
    with Image.open(io.BytesIO(clean)) as picture:
        assert dict(picture.getexif()) == {0x0112: orientation}
    assert MARK not in said(clean)


@pytest.mark.parametrize("data", [png(GREY), jpeg(SMOOTH), jpeg(COLOUR)])
def test_a_file_without_metadata_comes_out_as_it_is(data):
    assert without_identity(data, decode(data)) == data


def test_of_several_pictures_the_first_is_stored():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    animated, several = png(frames[0], save_all=True, append_images=frames[1:]), io.BytesIO()
    frames[0].save(several, "MPO", save_all=True, append_images=frames[1:])
    for data in (animated, several.getvalue()):
        image = decode(data)
        clean = without_identity(data, image)
        again = decode(clean)
        assert np.array_equal(again.pixels, image.pixels)
        assert image.warnings
        assert not again.warnings
        assert len(clean) < len(data)


def test_colours_of_a_jpeg_without_jfif_are_told_by_adobes_segment():
    stream = io.BytesIO()
    Image.fromarray(COLOUR).save(stream, "JPEG", keep_rgb=True, quality=95)
    data = stream.getvalue()
    image = decode(data)
    clean = without_identity(data, image)
    assert b"Adobe" in clean
    assert np.array_equal(decode(clean).pixels, image.pixels)


def test_an_interlaced_picture_is_stored():
    # One pixel is one pass of Adam7 and a filter byte.
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    assert without_identity(data, decode(data)) == data


def test_image_data_without_end_is_refused():
    data = raw_png(4, 1, 8, 0, b"\0abcd" + bytes(10**6))
    with pytest.raises(DamagedFile, match=r"cannot be stored.*more image data"):
        without_identity(data, decode(data))


def test_what_would_show_another_picture_is_refused(monkeypatch):
    data = png(GREY)
    monkeypatch.setattr(decoding, "without_metadata", lambda data, form: png(255 - GREY))
    with pytest.raises(DamagedFile, match=r"cannot be stored.*as a new PNG"):
        without_identity(data, decode(data))


def test_a_jpeg_whose_end_is_missing_gets_one():
    data = jpeg(SMOOTH)
    assert without_metadata(data[:-2], "JPEG") == data
