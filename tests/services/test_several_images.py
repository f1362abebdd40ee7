"""Several images of one study, with real parts: looked at, saved together, added to, reviewed and released."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pydicom
import pytest
from pypdf import PdfReader

from services import followup
from services.analysis import Upload
from services.errors import InvalidRecord, NotAllowed
from services.imaging.phantom import as_dicom, as_png
from services.inference.leading import leading
from services.records.studies import get_study, read_file
from services.records.tables import PatientCreate, ReleaseCreate, ReviewCreate, State
from services.records.upkeep import check_by_command as check
from services.records.views import HEAT_MAP, PICTURE, REPORT, UPLOAD
from services.reopening import reopen, reopen_all
from services.tasks import get_task
from services.workflow import Details

TASK = "brain_tumor_type"
AGREE = ReviewCreate(decision="agree")


def two_frames() -> bytes:
    """A file of two different frames, under one header."""
    dataset = pydicom.dcmread(io.BytesIO(as_dicom("axial_t1c_glioma", seed=3)))
    head = dataset.pixel_array
    dataset.NumberOfFrames = 2
    dataset.PixelData = np.stack([head, np.ascontiguousarray(head[:, ::-1])]).tobytes()
    data = io.BytesIO()
    dataset.save_as(data)
    return data.getvalue()


@pytest.fixture(scope="module")
def looked(bench, doctor):
    """Two frames of one file and a slice without a tumour, each with its answer."""
    frames = Upload(two_frames(), "frames.dcm")
    found = [bench.analyse(doctor, frames, task_key=TASK, frame=number) for number in (0, 1)]
    return [bench.analyse(doctor, Upload(as_png("axial_t2_healthy"), "slice.png"), task_key=TASK), *found]


def details(name: str) -> Details:
    """The drawn header names a phantom, so it is said each time that it is the same person."""
    return Details(PatientCreate(name=name, identifier=f"S-{name}"), date(2024, 4, 30), same_person=True)


def words(bench, actor, view) -> str:
    pdf = read_file(bench.store, actor, view.public_id, REPORT)
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_a_study_of_three_images_comes_back_as_it_was_seen(bench, doctor, looked):
    view = bench.save(doctor, looked, details("Three"))
    assert [image.prediction for image in view.images] == [analysis.prediction for analysis in looked]
    assert view.lead.number == 1 + leading(get_task(TASK), [analysis.prediction for analysis in looked])
    assert [(image.frame, image.frames) for image in view.images] == [(0, 1), (0, 2), (1, 2)]
    for stored, analysis in zip(reopen_all(bench, doctor, view.public_id), looked, strict=True):
        assert np.array_equal(stored.slice.pixels, analysis.slice.pixels)
        assert np.abs(stored.heat.values - analysis.heat.values).max() <= 0.5 / 255 + 1e-6
        assert np.array_equal(stored.outline.inside, analysis.outline.inside)
    assert reopen(bench, doctor, view.public_id).image == view.lead
    # Two frames of one file are that file once, without the identity that it had.
    one, two = (view.image(number).files[UPLOAD].sha256 for number in (2, 3))
    assert one == two
    assert b"Phantom" not in read_file(bench.store, doctor, view.public_id, UPLOAD, image=3)
    names = {file.name for image in view.images for file in image.files.values()}
    assert len(names) == sum(len(image.files) for image in view.images)
    read = words(bench, doctor, view)
    assert f"Image {view.lead.number} of 3 leads" in read
    assert {f"Image {number}" in read for number in (1, 2, 3)} == {True}
    assert check(bench.store).unreadable == ()


def test_the_same_picture_twice_is_refused_and_nothing_is_stored(bench, doctor, looked):
    before = check(bench.store).files
    again = bench.analyse(doctor, Upload(as_png("axial_t2_healthy"), "again.png"), task_key=TASK)
    with pytest.raises(InvalidRecord, match="Images 1 and 3 are the same picture"):
        bench.save(doctor, [looked[0], looked[1], again], details("Twice"))
    assert check(bench.store).files == before


def test_an_image_is_added_reviewed_and_released_with_the_others(bench, actors, doctor, looked):
    view = bench.save(doctor, looked[:1], details("Added"))
    view = followup.review(bench, doctor, view.public_id, AGREE)
    for role in ("admin", "patient", "researcher"):
        with pytest.raises(NotAllowed):
            followup.add_images(bench, actors[role], view.public_id, looked[1:2])
    with pytest.raises(InvalidRecord, match="another name"):
        followup.add_images(bench, doctor, view.public_id, looked[1:2])
    grown = followup.add_images(bench, doctor, view.public_id, looked[1:2], same_person=True)
    assert [image.number for image in grown.images] == [1, 2]
    assert (grown.state, grown.review, len(grown.reports)) == (State.AWAITING, None, 3)
    assert "Image 2 of 2 leads" in words(bench, doctor, grown)
    assert HEAT_MAP in grown.image(2).files
    with pytest.raises(InvalidRecord, match="same picture"):
        followup.add_images(bench, doctor, view.public_id, looked[1:2], same_person=True)
    with pytest.raises(InvalidRecord, match="image was added"):
        followup.review(bench, doctor, view.public_id, AGREE, seen=1)
    reviewed = followup.review(bench, doctor, view.public_id, AGREE, seen=2)
    assert "The doctor agrees with the model" in words(bench, doctor, reviewed)
    note = ReleaseCreate(note="Come and see me.")
    released = followup.release(bench, doctor, view.public_id, note, reviewed.review.created)
    pictures = [read_file(bench.store, doctor, view.public_id, PICTURE, image=number) for number in (1, 2)]
    assert pictures[0] != pictures[1]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    with pytest.raises(InvalidRecord, match="Withdraw the release"):
        followup.add_images(bench, doctor, view.public_id, looked[2:], same_person=True)
    assert get_study(bench.store, doctor, view.public_id) == released


def test_images_of_two_patients_are_not_one_study(bench, doctor, looked):
    dataset = pydicom.dcmread(io.BytesIO(as_dicom("axial_t1c_meningioma")))
    dataset.PatientName = "Somebody^Else"
    data = io.BytesIO()
    dataset.save_as(data)
    stranger = bench.analyse(doctor, Upload(data.getvalue(), "other.dcm"), task_key=TASK)
    with pytest.raises(InvalidRecord, match="headers name different patients"):
        bench.save(doctor, [looked[1], stranger], details("Two People"))
