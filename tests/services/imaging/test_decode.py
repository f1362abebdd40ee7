"""What a file is shows in its content: everything that is no PNG, JPEG or DICOM is named and refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from services.errors import DamagedFile, FalxError, ImagingError, TooLarge, UnsupportedFormat
from services.imaging.decode import decode, recognise
from services.imaging.limits import Limits
from services.settings import Settings
from tests.services.imaging.dicom_files import HEAD, dataset_of, dicom_of

PICTURE = Image.fromarray(np.random.default_rng(2).integers(0, 256, (20, 16), np.uint8))


def saved(form, **options):
    stream = io.BytesIO()
    PICTURE.save(stream, form, **options)
    return stream.getvalue()


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("slice.png", saved("PNG"))
    return stream.getvalue()


NIFTI = (348).to_bytes(4, "little") + bytes(340) + b"n+1\0" + bytes(100)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("TIFF"), "a TIFF image"),
        (saved("GIF"), "a GIF image"),
        (saved("GIF", save_all=True, append_images=[PICTURE.rotate(90)]), "a GIF image"),
        (saved("BMP"), "a BMP image"),
        (saved("WEBP"), "a WebP image"),
        (saved("JPEG2000"), "a JPEG 2000 image outside DICOM"),
        (saved("PDF"), "a PDF document"),
        (saved("ICO"), "an icon"),
        (SVG, "an SVG drawing"),
        (b"\xef\xbb\xbf" + SVG, "an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"this is a text that somebody renamed to .png", "a text file"),
        ("Επίκριση: χωρίς ευρήματα\n".encode() * 300, "a text file"),
        (zipped(), "a ZIP archive or an Office document"),
        (gzip.compress(b"anything", mtime=0), "a gzip archive"),
        (gzip.compress(NIFTI, mtime=0), "a compressed NIfTI volume"),
        (b"\x1f\x8b" + b"\xff" * 40, "a gzip archive"),
        (NIFTI, "a NIfTI volume"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 or MATLAB file"),
        (b"\0\0\0\x18ftypheic" + bytes(90), "a HEIC photograph"),
        (b"\0\0\0\x18ftypisom" + bytes(90), "a video"),
    ],
)
def test_other_formats_are_named(data, name):
    with pytest.raises(UnsupportedFormat) as refusal:
        decode(data)
    assert str(refusal.value) == (
        f"The file is {name}, whatever its name says. Export the slice as PNG, JPEG or DICOM."
    )


@pytest.mark.parametrize("data", [b"\0", b"\x01\x02\x03\x04" * 50, bytes(200), b"\xfe\xed\xfa\xce" * 9])
def test_the_unknown_is_refused(data):
    with pytest.raises(UnsupportedFormat, match="no PNG, JPEG or DICOM image"):
        decode(data)


def test_an_empty_file():
    with pytest.raises(DamagedFile, match="The file is empty"):
        decode(b"")


@pytest.mark.parametrize("data", [b"\x89", b"\x89PN", b"\x89PNG\r\n\x1a", b"\xff\xd8"])
def test_only_the_first_bytes(data):
    with pytest.raises(DamagedFile, match="cut off after its first bytes"):
        decode(data)


@pytest.mark.parametrize(("data", "form"), [(saved("PNG"), "PNG"), (saved("JPEG"), "JPEG"), (dicom_of(), "DICOM")])
def test_the_three_formats_and_their_hash(data, form):
    decoded = decode(data)
    assert recognise(data) == decoded.format == form
    assert decoded.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("implicit", "little"), [(True, True), (False, True), (False, False)])
def test_dicom_without_preamble_and_meta_group(implicit, little):
    dataset = dataset_of(HEAD if little else HEAD.byteswap(), WindowCenter=480, WindowWidth=400)
    del dataset.file_meta
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=implicit, little_endian=little)
    decoded = decode(stream.getvalue())
    assert np.array_equal(decoded.pixels, decode(dicom_of(WindowCenter=480, WindowWidth=400)).pixels)
    assert "does not name its (0002,0010) Transfer Syntax UID" in decoded.warnings[0]


def test_a_dicom_file_is_recognised_whatever_its_preamble():
    data = b"II*\0" + bytes(124) + dicom_of()[128:]
    assert decode(data).format == "DICOM"


def test_the_limit_of_bytes_is_exact():
    data = saved("PNG")
    assert decode(data, limits=Limits(max_bytes=len(data))).shape == (20, 16)
    with pytest.raises(TooLarge):
        decode(data, limits=Limits(max_bytes=len(data) - 1))


def test_limits_are_those_of_the_settings():
    settings = Settings(_env_file=None)
    assert Limits().max_bytes == settings.max_upload_mb * 2**20
    assert Limits().max_pixels == settings.max_megapixels * 1e6
    assert Limits().max_frames == settings.max_frames


@pytest.mark.parametrize("frame", [-1, 3, 10**9])
def test_a_frame_that_is_not_there(frame):
    data = dicom_of(np.stack([HEAD] * 3))
    assert [decode(data, frame=index).frame for index in (0, 1, 2)] == [0, 1, 2]
    with pytest.raises(ImagingError, match=f"holds 3 frames, counted from 0; there is no frame {frame}"):
        decode(data, frame=frame)


def test_every_refusal_is_an_error_that_may_be_shown():
    for data in (b"", b"text", SVG, saved("TIFF"), dicom_of()[:300], saved("PNG")[:50]):
        with pytest.raises(FalxError):
            decode(data)
