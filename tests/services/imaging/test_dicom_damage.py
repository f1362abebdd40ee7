"""Real files with flipped bits or without their end, and bytes that were never a file: a slice or a sentence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.imaging.bad_input import refusal, slice_or_sentence
from tests.services.imaging.dicom_files import dicom_of

FILES = (
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "image_dfl.dcm",
    "JPGExtended.dcm",
    "OT-PAL-8-face.dcm",
    "MR_small_implicit.dcm",
    "vlut_04.dcm",
    "rtdose.dcm",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_of_real_files(shared_data, name, data):
    content = bytearray((shared_data / "dicom" / name).read_bytes())
    # Half of the damage goes where the header is, which is small beside the pixels.
    ends = st.one_of(st.integers(128, min(len(content), 2500) - 1), st.integers(0, len(content) - 1))
    for at, bit in data.draw(st.lists(st.tuples(ends, st.integers(0, 7)), min_size=1, max_size=12)):
        content[at] ^= 1 << bit
    slice_or_sentence(bytes(content))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("name", FILES)
def test_truncated_real_files(shared_data, name, data):
    content = (shared_data / "dicom" / name).read_bytes()
    slice_or_sentence(content[: data.draw(st.integers(1, len(content) - 1))])


def test_every_truncation_of_a_plain_file_is_refused():
    data = dicom_of(WindowCenter=480, WindowWidth=400)
    for end in range(1, len(data) - 1):
        refusal(data[:end])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_arbitrary_bytes(data):
    slice_or_sentence(data)
    slice_or_sentence(bytes(128) + b"DICM" + data)
