"""Studies of several images: all of them or none, one leads, and each has its own answers and files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import timedelta

import pytest
from sqlmodel import col, select

from services.errors import InvalidRecord, NotFound
from services.inference.prediction import Verdict
from services.records.backup import back_up, restore
from services.records.chain import verify_by_command as verify
from services.records.columns import now
from services.records.counting import counts
from services.records.database import make_engine, reading
from services.records.exports import export_studies
from services.records.extending import extend_study
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.opinions import save_opinion
from services.records.removal import delete_study, purge
from services.records.results import get_result
from services.records.reviews import NewReview, save_release, save_review
from services.records.studies import get_study, read_file, save_study
from services.records.tables import (
    MOST_IMAGES,
    PredictionRow,
    ReasonCreate,
    ReleaseCreate,
    ReviewCreate,
    State,
    StudyFile,
    StudyImage,
)
from services.records.upkeep import check_by_command as check
from services.records.upkeep import sweep
from tests.services.records.kept import assert_as_given, contents, events, make_all_old, row_numbers
from tests.services.records.test_vault import PLAIN

AGREE = NewReview(ReviewCreate(decision="agree"))
REPORT = (b"%PDF-amended", "application/pdf", "amended.pdf")
PICTURE = (b"\x89PNG picture", "image/png", "picture.png")


@pytest.fixture
def three(make_study, make_image, answer):
    """A study whose first image shows nothing, whose second a tumour, and whose third the check refused."""
    further = [make_image(prediction=answer("meningioma", 0.9), frame=2, frames=5), make_image(refused=True)]
    return make_study(prediction=answer("notumor", 0.99), further=further)


def extend(store, actor, view, *images, seen=None):
    seen = len(view.images) if seen is None else seen
    return extend_study(store, actor, view.public_id, view.task, images, REPORT, seen=seen)


def test_all_images_come_back_and_the_most_serious_leads(store, doctor, three):
    saved = save_study(store, doctor, three)
    assert get_study(store, doctor, saved.public_id) == saved
    assert_as_given(store, doctor, three)
    assert [image.number for image in saved.images] == [1, 2, 3]
    assert [(image.frame, image.frames) for image in saved.images] == [(0, 1), (2, 5), (0, 1)]
    assert saved.lead.number == 2
    assert saved.prediction == three.images[1].prediction
    assert {image.added_by for image in saved.images} == {doctor.full_name}
    assert read_file(store, doctor, saved.public_id, "upload") == three.images[1].files["upload"][0]
    assert ("file.read", f"study {saved.public_id} upload image 3") in {event[2:4] for event in events(store)}
    with pytest.raises(NotFound):
        read_file(store, doctor, saved.public_id, "upload", image=4)


def test_the_history_asks_the_leading_image_alone(store, doctor, three, make_study):
    saved = save_study(store, doctor, three)
    save_study(store, doctor, make_study())
    found = {study.public_id: study for study in find_studies(store, doctor).studies}
    line = found[saved.public_id]
    assert len(found) == 2
    assert (line.label, line.leading, line.verdict) == ("meningioma", 2, Verdict.ANSWERED)
    assert [(i.number, i.verdict, i.label) for i in line.images] == [
        (1, Verdict.ANSWERED, "notumor"), (2, Verdict.ANSWERED, "meningioma"), (3, Verdict.REFUSED, None),
    ]  # fmt: skip
    for filters, there in (
        (StudyFilters(label="meningioma"), True),
        (StudyFilters(label="notumor"), False),
        (StudyFilters(verdict=Verdict.REFUSED), False),
        (StudyFilters(positive=True), True),
    ):
        assert (saved.public_id in {s.public_id for s in find_studies(store, doctor, filters).studies}) is there
    numbers = counts(store, doctor)
    assert (numbers.studies, numbers.positive, numbers.refused_this_week) == (2, 2, 0)


@pytest.mark.parametrize("wrong", ["answer", "file", "many", "none"])
def test_one_wrong_image_stores_none(store, doctor, three, make_image, wrong):
    bad = {
        "answer": (*three.images, dataclasses.replace(three.images[0], prediction=None)),
        "file": (*three.images, dataclasses.replace(three.images[0], files={"upload": (b"", "image/png", "x.png")})),
        "many": tuple(make_image() for _ in range(MOST_IMAGES + 1)),
        "none": (),
    }[wrong]
    with pytest.raises(InvalidRecord, match=r"\.$"):
        save_study(store, doctor, dataclasses.replace(three, images=bad))
    assert set(row_numbers(store).values()) == {0}
    assert not list(store.vault.folder.glob("*/*"))


def test_an_image_is_added_and_the_review_has_to_be_made_again(store, doctor, make_study, make_image, answer):
    saved = save_study(store, doctor, make_study(prediction=answer("notumor", 0.99)))
    reviewed = save_review(store, doctor, saved.public_id, AGREE, REPORT)
    assert reviewed.state is State.REVIEWED
    tumour = make_image(prediction=answer("glioma", 0.95))
    view = extend(store, doctor, reviewed, tumour)
    assert (view.lead.number, view.prediction, view.state) == (2, tumour.prediction, State.AWAITING)
    assert view.review is None
    assert [review.label for review in view.reviews] == ["notumor"]
    assert [report.version for report in view.reports] == [1, 2, 3]
    assert read_file(store, doctor, view.public_id, "report") == REPORT[0]
    assert read_file(store, doctor, view.public_id, "upload", image=1) != tumour.files["upload"][0]
    assert ("study.extend", f"study {view.public_id} image 2") in {event[2:4] for event in events(store)}
    assert save_review(store, doctor, view.public_id, AGREE, REPORT).review.label == "glioma"
    assert verify(store).whole


def test_what_cannot_be_added_is_told_and_nothing_changes(store, actors, make_study, make_image, answer):
    doctor = actors["doctor"]
    saved = save_study(store, doctor, make_study())
    with pytest.raises(InvalidRecord, match="added meanwhile"):
        extend(store, doctor, saved, make_image(), seen=2)
    with pytest.raises(InvalidRecord, match=f"{MOST_IMAGES} images at most"):
        extend(store, doctor, saved, *(make_image() for _ in range(MOST_IMAGES)))
    with pytest.raises(InvalidRecord, match="own question"):
        extend_study(store, doctor, saved.public_id, "brain_tumor_presence", [make_image(refused=True)], REPORT, seen=1)
    with pytest.raises(NotFound):
        extend(store, actors["colleague"], saved, make_image())
    view = save_review(store, doctor, saved.public_id, AGREE, REPORT)
    view = save_release(store, doctor, saved.public_id, ReleaseCreate(note="Well."), view.review.created, {1: PICTURE})
    with pytest.raises(InvalidRecord, match="Withdraw the release"):
        extend(store, doctor, view, make_image())
    assert get_study(store, doctor, saved.public_id) == view
    # A leftover of a refused batch is no file of the vault's.
    assert check(store).whole


def test_a_review_of_fewer_images_than_there_are_is_refused(store, doctor, make_study, make_image):
    saved = save_study(store, doctor, make_study())
    extend(store, doctor, saved, make_image())
    with pytest.raises(InvalidRecord, match="image was added"):
        save_review(store, doctor, saved.public_id, NewReview(ReviewCreate(decision="agree"), images=1), REPORT)


def test_further_models_answer_an_image_by_its_number(store, doctor, three, answer):
    saved = save_study(store, doctor, three)
    other = dataclasses.replace(answer("glioma", 0.9), model=dataclasses.replace(answer().model, network="vgg16"))
    view = save_opinion(store, doctor, saved.public_id, other, image=1)
    assert [image.opinions for image in view.images] == [(other,), (), ()]
    assert view.lead.number == 2
    with pytest.raises(InvalidRecord, match="stored already"):
        save_opinion(store, doctor, saved.public_id, other, image=1)
    assert save_opinion(store, doctor, saved.public_id, other).lead.opinions == (other,)
    with pytest.raises(InvalidRecord, match="refused"):
        save_opinion(store, doctor, saved.public_id, other, image=3)
    with pytest.raises(NotFound):
        save_opinion(store, doctor, saved.public_id, other, image=4)


def test_a_patient_reads_each_released_picture_the_leading_one_first(store, actors, three):
    from tests.services.records.test_reviews import link

    doctor, patient = actors["doctor"], actors["patient"]
    saved = save_study(store, doctor, three)
    link(store, saved, patient)
    view = save_review(store, doctor, saved.public_id, AGREE, REPORT)
    pictures = {n: (b"\x89PNG %d" % n, "image/png", f"{n}.png") for n in (1, 2, 3)}
    save_release(store, doctor, saved.public_id, ReleaseCreate(note="Well."), view.review.created, pictures)
    result = get_result(store, patient, saved.public_id)
    assert result.images == (2, 1, 3)
    for number in result.images:
        assert read_file(store, patient, saved.public_id, "picture", image=number) == pictures[number][0]
        with pytest.raises(NotFound):
            read_file(store, patient, saved.public_id, "upload", image=number)


def test_exports_know_all_images(store, doctor, three):
    save_study(store, doctor, three)
    (row,) = csv.DictReader(io.StringIO(export_studies(store, doctor, "csv").decode("utf-8-sig")))
    assert (row["images"], row["leading_image"], row["label"]) == ("3", "2", "meningioma")
    (whole,) = json.loads(export_studies(store, doctor, "json"))
    assert [image["label"] for image in whole["images"]] == ["notumor", "meningioma", None]
    assert whole["leading_image"] == 2


def test_purging_removes_every_image_with_its_files(store, doctor, three, make_study):
    saved, kept = save_study(store, doctor, three), save_study(store, doctor, make_study())
    assert check(store).files == 6
    delete_study(store, doctor, saved.public_id, ReasonCreate(reason="A mistake."))
    assert purge(store, timedelta()) == 1
    with reading(store.engine) as session:
        numbers = [col(StudyImage.number), col(PredictionRow.image), col(StudyFile.image)]
        assert [set(session.exec(select(number)).all()) for number in numbers] == [{1}, {1}, {0, 1}]
    make_all_old(store)
    assert sweep(store) == 4
    assert get_study(store, doctor, kept.public_id) == kept
    assert check(store).whole


def test_a_backup_holds_every_image(store, doctor, three, tmp_path):
    save_study(store, doctor, three)
    back_up(store, tmp_path / "backup")
    other = dataclasses.replace(store, engine=make_engine(f"sqlite:///{tmp_path}/other.db"),
                                vault=type(store.vault)(tmp_path / "other", PLAIN))  # fmt: skip
    try:
        assert restore(other, tmp_path / "backup").files == len(list(contents(three)))
        assert_as_given(other, doctor, three)
    finally:
        other.engine.dispose()


def test_the_moment_of_each_image_is_kept(store, doctor, make_study, make_image):
    saved = save_study(store, doctor, make_study(created=now() - timedelta(days=3)))
    view = extend(store, doctor, saved, make_image())
    assert view.images[0].created == saved.created
    assert view.images[1].created - saved.created > timedelta(days=2)
