"""Every frame of a file in turn: the same as asked for alone, the file read once, and no frame's damage another's."""

from __future__ import annotations

import signal

import numpy as np

from services.errors import DamagedFile, ImagingError
from services.imaging import dicom_worker
from services.imaging.decode import decode, decode_frames
from tests.services.imaging.dicom_files import HEAD, dicom_of
from tests.services.imaging.raster_files import GREY, png
from tests.services.imaging.worker_processes import children, kill, workers


def frames_of(count: int, **elements) -> bytes:
    """A file of frames that differ."""
    return dicom_of(np.stack([HEAD + n for n in range(count)]), NumberOfFrames=count, **elements)


def test_every_frame_comes_as_if_it_were_asked_for_alone_and_the_file_is_handed_over_once(monkeypatch):
    data, given = frames_of(5, WindowCenter=480, WindowWidth=400), []
    plain = dicom_worker._Worker.decode
    monkeypatch.setattr(
        dicom_worker._Worker, "decode", lambda self, data, *rest, **more: (
            given.append(data is not None), plain(self, data, *rest, **more)
        )[1],
    )  # fmt: skip
    found = list(decode_frames(data))
    assert given == [True, False, False, False, False]
    for index, one in enumerate(found):
        alone = decode(data, frame=index)
        assert np.array_equal(one.pixels, alone.pixels)
        assert (one.frame, one.frames, one.sha256, one.facts, one.warnings) == (
            index, 5, alone.sha256, alone.facts, alone.warnings,
        )  # fmt: skip


def test_a_worker_lost_between_two_frames_costs_none():
    found = []
    for one in decode_frames(frames_of(4)):
        found.append(one.frame)
        for pid in children():
            kill(pid, signal.SIGKILL)
    assert found == [0, 1, 2, 3]


def test_damage_of_one_frame_is_its_error_alone(shared_data):
    content = bytearray((shared_data / "dicom" / "emri_small_jpeg_2k_lossless.dcm").read_bytes())
    first = content.index(b"\xff\x4f\xff\x51")
    content[first : first + 40] = bytes(40)
    found = list(decode_frames(bytes(content)))
    assert len(found) == 10
    assert isinstance(found[0], DamagedFile)
    assert [one.frame for one in found[1:]] == list(range(1, 10))


def test_a_file_that_cannot_be_opened_is_one_error():
    for data in (b"", b"words", dicom_of(Rows=0), dicom_of()[:300]):
        (found,) = decode_frames(data)
        assert isinstance(found, ImagingError)


def test_frames_left_alone_leave_the_worker_to_others():
    frames = decode_frames(frames_of(4))
    next(frames)
    frames.close()
    assert decode(dicom_of()).shape == (12, 10)
    assert len(workers()) <= 4


def test_a_png_is_one_frame():
    (found,) = decode_frames(png(GREY))
    assert np.array_equal(found.pixels, decode(png(GREY)).pixels)
