"""PNG and JPEG of every mode: grey values, orientation, transparency, colourfulness."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from services.errors import DamagedFile
from services.imaging.decode import decode
from tests.services.imaging.bad_input import refusal
from tests.services.imaging.raster_files import ALPHA, COLOUR, GREY, LUMA, RNG, chunk, jpeg, png, raw_png


def test_grey_png_is_exact():
    decoded = decode(png(GREY))
    assert decoded.pixels.dtype == np.float32
    assert np.array_equal(decoded.pixels, GREY / np.float32(255))
    assert (decoded.format, decoded.frames, decoded.frame, decoded.colourfulness, decoded.warnings) == (
        "PNG",
        1,
        0,
        0,
        (),
    )
    assert decoded.patient is None
    assert decoded.facts == (("Encoding", "PNG, 8-bit grey"),)


def test_colour_png():
    decoded = decode(png(COLOUR))
    assert np.allclose(decoded.pixels, COLOUR @ LUMA / 255, atol=1e-5)
    assert decoded.colourfulness == pytest.approx(np.ptp(COLOUR.astype(float), axis=2).mean() / 255, abs=1e-6)


def test_grey_stored_as_colour_is_grey():
    decoded = decode(png(np.repeat(GREY[..., None], 3, axis=2)))
    assert np.array_equal(decoded.pixels, GREY / np.float32(255))
    assert decoded.colourfulness == 0


def test_a_large_image_is_the_same_in_every_band():
    colour = RNG.integers(0, 256, (1500, 700, 3), np.uint8)
    colour[:800] = colour[:800, :, :1]
    decoded = decode(png(colour, compress_level=1))
    assert np.allclose(decoded.pixels, colour @ LUMA / 255, atol=1e-5)
    assert decoded.colourfulness == pytest.approx(np.ptp(colour.astype(float), axis=2).mean() / 255, abs=1e-6)


def test_alpha_is_composited_on_black():
    decoded = decode(png(np.dstack([COLOUR, ALPHA])))
    assert np.abs(decoded.pixels - COLOUR @ LUMA / 255 * (ALPHA / 255)).max() < 0.005
    assert "Transparent" in decoded.warnings[0]
    opaque = decode(png(np.dstack([COLOUR, np.full_like(ALPHA, 255)])))
    assert np.allclose(opaque.pixels, COLOUR @ LUMA / 255, atol=1e-5)
    assert opaque.warnings == ()


def test_grey_with_alpha():
    image = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
    assert np.abs(decode(png(image)).pixels - GREY / 255 * (ALPHA / 255)).max() < 0.005


def test_one_transparent_grey_value():
    expected = np.where(GREY[0, 0] == GREY, 0, GREY) / 255
    assert np.abs(decode(png(GREY, transparency=int(GREY[0, 0]))).pixels - expected).max() < 1e-6


def test_one_bit():
    bits = GREY > 100
    assert np.array_equal(decode(png(Image.fromarray(bits))).pixels, bits)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_reach_from_black_to_white(bits):
    levels = np.tile(np.arange(2**bits, dtype=np.uint8), 8 // bits if bits < 4 else 1)[None]
    packed = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].ravel())
    decoded = decode(raw_png(levels.size, 1, bits, 0, b"\0" + packed.tobytes()))
    assert np.allclose(decoded.pixels, levels / (2**bits - 1), atol=1e-6)


def test_palette():
    image = Image.fromarray(GREY % 5).convert("L")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    decoded = decode(png(image))
    assert np.allclose(decoded.pixels, table[GREY % 5] @ LUMA / 255, atol=1e-5)
    assert decoded.colourfulness == pytest.approx(np.ptp(table[GREY % 5], axis=2).mean() / 255, abs=1e-6)


def test_palette_with_alpha():
    image = Image.fromarray(GREY % 2).convert("L")
    image.putpalette([100, 100, 100, 200, 200, 200])
    decoded = decode(png(image, transparency=bytes([255, 0])))
    assert np.allclose(decoded.pixels, np.where(GREY % 2, 0, 100 / 255), atol=1e-5)


def test_palette_index_out_of_range():
    data = raw_png(2, 1, 8, 3, b"\0\1\7", chunk(b"PLTE", bytes(12)))
    assert "uses colour 7 of a palette that has only 4 colours" in refusal(data, DamagedFile)
    assert "only 0 colours" in refusal(raw_png(2, 1, 8, 3, b"\0\0\0"), DamagedFile)


def test_sixteen_bits_over_the_whole_range():
    values = RNG.integers(0, 65536, (13, 9), np.uint16)
    decoded = decode(png(values))
    assert np.allclose(decoded.pixels, values / 65535, atol=1e-6)
    assert decoded.warnings == ()


@pytest.mark.parametrize("top", [255, 4095, 12000])
def test_sixteen_bits_with_few_in_use_do_not_come_out_black(top):
    values = RNG.integers(0, top + 1, (60, 50), np.uint16)
    decoded = decode(png(values))
    low, high = np.percentile(values, [0.5, 99.5])
    assert np.allclose(decoded.pixels, np.clip((values - low) / (high - low), 0, 1), atol=1e-4)
    assert f"up to {values.max()} of 65535" in decoded.warnings[0]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("top", [4095, 65535])
def test_sixteen_bit_colour_keeps_its_bits(channels, top):
    values = RNG.integers(0, top + 1, (40, 30, channels), np.uint16)
    opacity = 1.0
    if channels == 4:
        values[..., 3] = 65535
        values[:5, :, 3] = 0
        opacity = values[..., 3] / 65535
    decoded = decode(cv2.imencode(".png", values)[1].tobytes())
    grey = values[..., 2::-1] @ LUMA * opacity
    low, high = np.percentile(grey, [0.5, 99.5]) if top == 4095 else (0, 65535)
    assert np.allclose(decoded.pixels, np.clip((grey - low) / (high - low), 0, 1), atol=1e-3)
    assert decoded.colourfulness > 0.3


def test_sixteen_bit_grey_with_alpha():
    row = struct.pack(">8H", 60000, 65535, 60000, 0, 30000, 65535, 0, 65535)
    decoded = decode(raw_png(4, 1, 16, 4, b"\0" + row))
    assert np.allclose(decoded.pixels, [[60000 / 65535, 0, 30000 / 65535, 0]], atol=1e-4)


@pytest.mark.parametrize("progressive", [True, False])
def test_jpeg_is_near_the_original(progressive):
    smooth = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    decoded = decode(jpeg(smooth, progressive=progressive))
    assert np.abs(decoded.pixels - smooth / 255).max() < 0.02
    assert (decoded.format, decoded.colourfulness) == ("JPEG", 0)


def test_colour_jpeg_decodes_and_is_colourful():
    photograph = np.dstack([np.full((64, 48), v, np.uint8) for v in (220, 40, 60)])
    decoded = decode(jpeg(photograph))
    assert np.abs(decoded.pixels - photograph @ LUMA / 255).max() < 0.02
    assert decoded.colourfulness == pytest.approx(180 / 255, abs=0.03)


def test_cmyk_jpeg():
    photograph = Image.fromarray(np.dstack([np.full((16, 16), v, np.uint8) for v in (200, 100, 50)]))
    assert np.abs(decode(jpeg(photograph.convert("CMYK"))).pixels - np.array([200, 100, 50]) @ LUMA / 255).max() < 0.03


UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("save", [png, jpeg])
def test_exif_orientation(orientation, save):
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    stored = np.kron(RNG.integers(0, 256, (3, 2), np.uint8), np.ones((16, 16), np.uint8))
    decoded = decode(save(stored, exif=exif))
    assert np.abs(decoded.pixels - UPRIGHT[orientation](stored) / 255).max() < 0.05
    assert decoded.pixels.flags.c_contiguous


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\1" * 40,
        b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0",
    ],
)
def test_damaged_exif_is_passed_over(exif):
    plain = jpeg(GREY)
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert np.array_equal(decode(data).pixels, decode(plain).pixels)


def test_animated_png_shows_its_first_picture_and_says_so():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    decoded = decode(png(frames[0], save_all=True, append_images=frames[1:]))
    assert np.array_equal(decoded.pixels, GREY / np.float32(255))
    assert "only the first is shown" in decoded.warnings[0]


def test_multi_picture_jpeg_shows_its_first_picture_and_says_so():
    stream = io.BytesIO()
    flat = [Image.new("L", (32, 32), level) for level in (200, 50)]
    flat[0].save(stream, "MPO", save_all=True, append_images=flat[1:])
    decoded = decode(stream.getvalue())
    assert np.abs(decoded.pixels - 200 / 255).max() < 0.01
    assert "only the first is shown" in decoded.warnings[0]


@pytest.mark.parametrize("frame", [1, -1, 5])
def test_there_is_only_frame_0(frame):
    assert np.array_equal(decode(png(GREY), frame=0).pixels, decode(png(GREY)).pixels)
    assert f"there is no frame {frame}" in refusal(png(GREY), frame=frame)
