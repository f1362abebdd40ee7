"""Stored values of every type, width, byte order and compression, read as what they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, JPEGBaseline8Bit, RLELossless

from tests.services.imaging.dicom_files import HEAD, dataset_of, dicom_of, encapsulated, written
from tests.services.imaging.dicom_grey import STORED, linear, shown


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
def test_every_stored_type(dtype):
    values = (HEAD // 8).astype(dtype) - np.array(0 if np.dtype(dtype).kind == "u" else 60, dtype)
    centre, width = float(values.mean()), 50.0
    pixels = shown(dicom_of(values, WindowCenter=centre, WindowWidth=width, VOILUTFunction="LINEAR_EXACT"))
    assert np.allclose(pixels, np.clip((values.astype(float) - centre) / width + 0.5, 0, 1), atol=1e-5)


def test_32_bit_values_keep_their_small_differences():
    values = HEAD.astype(np.uint32) + 4_000_000_000
    pixels = shown(dicom_of(values, WindowCenter="4000000480", WindowWidth=400, VOILUTFunction="LINEAR_EXACT"))
    assert np.allclose(pixels, np.clip((STORED - 480) / 400 + 0.5, 0, 1), atol=1e-5)


def test_what_is_not_a_number_in_float_pixels_becomes_black():
    values = STORED.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels = shown(dicom_of(values))
    assert np.isfinite(pixels).all()
    assert pixels[0, 0] == 0
    assert pixels[0, 1] == 1


def test_twelve_bits_in_sixteen_with_rubbish_above():
    values = HEAD | 0xF000
    pixels = shown(dicom_of(values, BitsStored=12, HighBit=11, WindowCenter=480, WindowWidth=400))
    assert np.allclose(pixels, linear(STORED, 480, 400), atol=1e-5)


def test_signed_twelve_bits_in_sixteen():
    signed = HEAD.astype(np.int16) - 500
    values = (signed & 0x0FFF).astype(np.int16)
    pixels = shown(dicom_of(values, BitsStored=12, HighBit=11, WindowCenter=0, WindowWidth=400))
    assert np.allclose(pixels, linear(signed.astype(float), 0, 400), atol=1e-5)


def test_twelve_bits_at_the_top_of_sixteen():
    pixels = shown(dicom_of(HEAD << 4, BitsStored=12, HighBit=15, WindowCenter=480, WindowWidth=400))
    assert np.allclose(pixels, linear(STORED, 480, 400), atol=1e-5)


def test_one_bit():
    bits = np.random.default_rng(3).integers(0, 2, (12, 10), np.uint8)
    data = dicom_of(
        bits,
        BitsAllocated=1,
        BitsStored=1,
        HighBit=0,
        PixelData=np.packbits(bits.ravel(), bitorder="little").tobytes() + b"\0",
    )
    assert np.array_equal(shown(data), bits)


def test_big_endian():
    dataset = dataset_of(HEAD, WindowCenter=480, WindowWidth=400)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.PixelData = HEAD.astype(">u2").tobytes()
    assert np.allclose(shown(written(dataset)), linear(STORED, 480, 400), atol=1e-5)


def test_rle_and_jpeg_multi_frame_decode_the_chosen_frame():
    frames = np.stack([(HEAD // 4).astype(np.uint8), (HEAD // 8).astype(np.uint8)])
    dataset = dataset_of(frames, WindowCenter=128, WindowWidth=256)
    dataset.compress(RLELossless, generate_instance_uid=False)
    for index in (0, 1):
        expected = np.clip((frames[index] - 127.5) / 255 + 0.5, 0, 1)
        assert np.allclose(shown(written(dataset), frame=index), expected, atol=1e-5)
    coded = []
    for frame in frames:
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, "JPEG", quality=100)
        coded.append(stream.getvalue())
    data = encapsulated(frames, coded, JPEGBaseline8Bit, WindowCenter=128, WindowWidth=256)
    for index in (0, 1):
        expected = np.clip((frames[index] - 127.5) / 255 + 0.5, 0, 1)
        assert np.abs(shown(data, frame=index) - expected).max() < 0.02
