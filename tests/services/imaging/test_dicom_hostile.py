"""DICOM files that are broken or made to do harm: each ends in a sentence, soon and within its memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from services.errors import DamagedFile, TooLarge, UnsupportedFormat
from services.imaging.decode import decode
from services.imaging.dicom import open_dicom
from services.imaging.limits import Limits
from tests.services.imaging.bad_input import refusal
from tests.services.imaging.dicom_files import HEAD, dataset_of, dicom_of, encapsulated, written

SQ_START = struct.pack("<HH2s2xI", 0x0008, 0x1140, b"SQ", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
SQ_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def test_nothing_but_the_mark():
    mark = b"\0" * 128 + b"DICM"
    assert "holds nothing that can be read to its end" in refusal(mark, DamagedFile)
    assert "has no (7FE0,0010) Pixel Data" in refusal(mark + b"\0" * 50, UnsupportedFormat)


@pytest.mark.parametrize(
    ("elements", "kind", "part"),
    [
        ({"PixelData": None}, DamagedFile, "has no (7FE0,0010) Pixel Data, so it was cut off"),
        ({"Rows": None}, DamagedFile, "(0028,0010) Rows is missing, so the image size is unknown"),
        ({"Columns": None}, DamagedFile, "(0028,0011) Columns is missing, so the image size is unknown"),
        ({"Rows": 0}, DamagedFile, "(0028,0010) Rows is 0, which is not possible"),
        ({"Rows": 13}, DamagedFile, "Rows 13 x (0028,0011) Columns 10"),
        ({"Rows": 11}, DamagedFile, "has a wrong header: (0028,0010) Rows 11"),
        ({"Columns": 9}, DamagedFile, "has a wrong header: (0028,0010) Rows 12 x (0028,0011) Columns 9"),
        ({"Rows": 6}, DamagedFile, "has a wrong header: (0028,0010) Rows 6"),
        ({"Rows": 5000, "Columns": 5000}, DamagedFile, "is cut off, or its header is wrong"),
        ({"Rows": 65535, "Columns": 65535}, TooLarge, "Rows is 65535 and (0028,0011) Columns 65535"),
        ({"NumberOfFrames": "1000000000"}, TooLarge, "(0028,0008) Number of Frames is 1000000000"),
        ({"NumberOfFrames": "0"}, DamagedFile, "(0028,0008) Number of Frames is 0"),
        ({"NumberOfFrames": "-3"}, DamagedFile, "(0028,0008) Number of Frames is -3"),
        ({"NumberOfFrames": "2"}, DamagedFile, "x 2 frames"),
        ({"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}, UnsupportedFormat, "(0028,0100) Bits Allocated is 12"),
        ({"BitsAllocated": None}, DamagedFile, "(0028,0100) Bits Allocated is missing"),
        ({"BitsStored": 17}, DamagedFile, "(0028,0101) Bits Stored is 17"),
        ({"SamplesPerPixel": 0}, DamagedFile, "(0028,0002) Samples per Pixel is 0"),
        ({"SamplesPerPixel": 4}, UnsupportedFormat, "with 4 (0028,0002) Samples per Pixel"),
        ({"PixelRepresentation": 7}, DamagedFile, "(0028,0103) Pixel Representation is 7"),
    ],
)
def test_a_header_that_cannot_be_true_names_its_element(elements, kind, part):
    assert part in refusal(dicom_of(**elements), kind)


def test_a_value_that_is_no_number_is_shown():
    data = dicom_of(np.stack([HEAD] * 2)).replace(b"IS\x02\x002 ", b"IS\x02\x001A")
    assert "(0028,0008) Number of Frames is 1A" in refusal(data, DamagedFile)


def test_elements_that_are_empty_count_as_missing():
    assert "Rows is missing" in refusal(dicom_of(Rows=""), DamagedFile)
    assert decode(dicom_of(PixelRepresentation="", SamplesPerPixel="")).shape == (12, 10)


def test_a_trailing_pad_is_no_lie():
    assert decode(dicom_of(PixelData=HEAD.tobytes() + b"\0\0")).shape == (12, 10)


def jpeg(values, **options):
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG", **options)
    return stream.getvalue()


GREY = (HEAD // 4).astype(np.uint8)


def test_compressed_size_must_match_the_header():
    text = refusal(encapsulated(GREY, [jpeg(GREY.T.copy())], JPEGBaseline8Bit), DamagedFile)
    assert "Rows x (0028,0011) Columns is 12 x 10" in text
    assert "compressed image 10 x 12" in text


def test_compressed_colours_must_match_the_header():
    colour = np.repeat(GREY[..., None], 3, axis=2)
    assert "its compressed image 12 x 10 with 3" in refusal(
        encapsulated(GREY, [jpeg(colour)], JPEGBaseline8Bit), DamagedFile
    )


def test_a_codestream_that_claims_to_be_huge_is_not_believed():
    frame = bytearray(jpeg(GREY))
    at = frame.index(b"\xff\xc0") + 5
    frame[at : at + 4] = b"\xff\xff\xff\xff"
    assert "compressed image 65535 x 65535" in refusal(
        encapsulated(GREY, [bytes(frame)], JPEGBaseline8Bit), DamagedFile
    )


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("frame", [b"\0\0", b"\0" * 10, b"not an image at all ", b"\xff\xd8\xff\xc0\0\0"])
def test_pixel_data_without_an_image(syntax, frame):
    text = refusal(encapsulated(GREY, [frame], syntax), DamagedFile)
    assert "pixel data of frame 0 cannot be read" in text or f"holds no {syntax.name} image" in text


def test_fewer_compressed_frames_than_announced():
    data = encapsulated(np.stack([GREY] * 3), [jpeg(GREY)], JPEGBaseline8Bit)
    refusal(data, DamagedFile, frame=2)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.94", "JPIP Referenced"),
        ("1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.8.1"),
        ("1.2.3.4.5", "1.2.3.4.5"),
    ],
)
def test_other_transfer_syntaxes_are_named(syntax, name):
    data = encapsulated(GREY, [b"\0\0"], JPEGBaseline8Bit)
    data = data.replace(JPEGBaseline8Bit.encode(), syntax.encode().ljust(len(JPEGBaseline8Bit), b"\0"))
    assert f"(0002,0010) Transfer Syntax UID is {name}" in refusal(data, UnsupportedFormat)


def test_a_missing_package_is_named(monkeypatch):
    from pydicom.pixels.decoders import JPEGLSLosslessDecoder

    dataset = dataset_of(GREY)
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    data = written(dataset)
    assert open_dicom(data, limits=Limits(), sha256="").frame(None).shape == (12, 10)
    monkeypatch.delitem(JPEGLSLosslessDecoder._available, "pyjpegls")
    with pytest.raises(UnsupportedFormat, match="needs the Python package pyjpegls"):
        open_dicom(data, limits=Limits(), sha256="").frame(None)


def nested(depth, *, explicit):
    """A valid image whose first element is a sequence ``depth`` levels deep, with or without stated lengths."""
    if explicit:
        body = b""
        for _ in range(depth):
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
            body = struct.pack("<HH2s2xI", 0x0008, 0x1140, b"SQ", len(item)) + item
    else:
        body = SQ_START * depth + SQ_END * depth
    plain = dicom_of()
    at = plain.index(struct.pack("<HH", 0x0028, 0x0002))
    return plain[:at] + body + plain[at:]


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("depth", [33, 300, 3000])
def test_deep_nesting_is_refused(depth, explicit):
    assert "nested" in refusal(nested(depth, explicit=explicit), TooLarge)


def test_nesting_that_would_exhaust_any_stack():
    refusal(nested(200_000, explicit=False))


@pytest.mark.parametrize("explicit", [True, False])
def test_shallow_nesting_is_read(explicit):
    assert decode(nested(20, explicit=explicit)).shape == (12, 10)


def test_deflated_file_that_grows_without_end():
    plain = written(dataset_of(HEAD, WindowCenter=480, WindowWidth=400))
    dataset = dataset_of(HEAD, WindowCenter=480, WindowWidth=400)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    honest = written(dataset)
    assert np.array_equal(decode(honest).pixels, decode(plain).pixels)
    deflater = zlib.compressobj(9, wbits=-15)
    body = b"".join(deflater.compress(bytes(2**20)) for _ in range(300)) + deflater.flush()
    start = honest.index(DeflatedExplicitVRLittleEndian.encode())
    meta_end = 132 + 12 + struct.unpack_from("<I", honest, 140)[0]
    assert start < meta_end
    assert len(body) < 400_000
    assert "deflated and grows beyond 100 MB" in refusal(honest[:meta_end] + body, TooLarge)


@pytest.mark.parametrize("rest", [b"\0", b"anything" * 20_000])
def test_bytes_behind_a_deflated_stream_do_not_stall(rest):
    dataset = dataset_of(HEAD, WindowCenter=480, WindowWidth=400)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    honest = written(dataset)
    assert np.array_equal(decode(honest + rest, limits=Limits(seconds=2)).pixels, decode(honest).pixels)


def test_a_flood_of_tiny_elements_is_cut_off():
    flood = b"".join(struct.pack("<HHI", 0x0009, n % 65536, 0) for n in range(2_000_000))
    dataset = dataset_of(HEAD)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    data = written(dataset)
    at = data.index(struct.pack("<HH", 0x0028, 0x0002))
    assert "takes longer than 0.5 seconds" in refusal(
        data[:at] + flood + data[at:], TooLarge, limits=Limits(seconds=0.5)
    )


def test_a_file_of_300_mb_is_not_even_looked_at():
    assert "300 MB; at most 100 MB" in refusal(bytes(300 * 2**20), TooLarge)


MEASURED = """
import re, resource
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from services.errors import ImagingError
from services.imaging.decode import decode
from tests.services.imaging.test_dicom_hostile import bombs
for bomb in bombs():
    try:
        decode(bomb)
    except ImagingError:
        pass
import services.imaging.dicom_worker as worker
worker._pool.close()
# Not ru_maxrss of this process: before its exec it was a copy of the tests' process, and Linux counts that in.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def bombs():
    """Files of at most a few megabytes that ask for a great deal."""
    deflater = zlib.compressobj(9, wbits=-15)
    body = b"".join(deflater.compress(bytes(2**20)) for _ in range(2000)) + deflater.flush()
    dataset = dataset_of(HEAD)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    honest = written(dataset)
    yield honest[: 132 + 12 + struct.unpack_from("<I", honest, 140)[0]] + body
    yield nested(100_000, explicit=False)
    yield dicom_of(Rows=8000, Columns=8000, NumberOfFrames="2000")
    size = struct.pack(">HH", 8000, 8000)
    for syntax in (JPEGLSLossless, JPEG2000Lossless, RLELossless):
        dataset = dataset_of(np.tile(GREY, (8, 8)))
        dataset.compress(syntax, generate_instance_uid=False)
        frame = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
        if syntax == JPEGLSLossless:
            at = frame.index(b"\xff\xf7") + 5
            frame[at : at + 4] = size
        elif syntax == JPEG2000Lossless:
            at = frame.index(b"\xff\x51") + 6
            frame[at : at + 8] = struct.pack(">II", 8000, 8000)
            frame[at + 16 : at + 24] = struct.pack(">II", 8000, 8000)
        yield encapsulated(GREY, [bytes(frame)], syntax, Rows=8000, Columns=8000)
    for syntax, start in ((JPEGBaseline8Bit, b"\xff\xc2"), (JPEGLosslessSV1, b"\xff\xc3")):
        large = bytearray(jpeg(GREY, progressive=True))
        at = large.index(b"\xff\xc2")
        large[at : at + 2] = start
        large[at + 5 : at + 9] = size
        end = large.index(b"\xff\xda")
        yield encapsulated(GREY, [bytes(large[:end] + large[end:] * 50)], syntax, Rows=8000, Columns=8000)


def test_bombs_stay_within_their_memory():
    root = Path(__file__).resolve().parents[3]
    run = subprocess.run([sys.executable, "-c", MEASURED], cwd=root, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    own, workers = map(int, run.stdout.split())
    # An image of 64 million pixels, the most that is read, takes 256 MB as float32, and as much again on its way here.
    assert own < 900
    assert workers < 1500
