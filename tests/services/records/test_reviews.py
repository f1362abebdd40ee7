"""A doctor reviews and releases; the patient whose account it is reads it, and nobody else."""

from __future__ import annotations

import json

import pytest
from sqlmodel import col, select, update

from services.errors import InvalidRecord, NotAllowed, NotFound
from services.records.columns import now
from services.records.database import reading, write
from services.records.own_account import export_own
from services.records.results import find_results, get_result
from services.records.reviews import NewReview, save_release, save_review, withdraw_release
from services.records.studies import get_study, read_file, save_study
from services.records.tables import (
    AuditEvent,
    Decision,
    Patient,
    ReasonCreate,
    ReleaseCreate,
    ReviewCreate,
    State,
)

AGREE = ReviewCreate(decision="agree")
NOTE = ReleaseCreate(note="All is as it should be.")
PNG = (b"\x89PNG of the slice", "image/png", "slice.png")


def override(label: str = "meningioma", reason: str = "A dural tail.") -> ReviewCreate:
    return ReviewCreate(decision="override", label=label, reason=reason)


def pdf(words: str = "report") -> tuple[bytes, str, str]:
    return f"%PDF-{words}".encode(), "application/pdf", "falx.pdf"


def link(store, view, actor) -> None:
    """Let the patient of a study have the actor's account."""
    this = col(Patient.public_id) == view.patient.public_id
    write(store.engine, lambda session: session.exec(update(Patient).where(this).values(account_id=actor.user_id)))


def released(store, actors, make_study, review=AGREE, **more):
    """A study of the doctor, reviewed and released to the patient's account."""
    view = save_study(store, actors["doctor"], make_study(**more))
    link(store, view, actors["patient"])
    return release(store, actors["doctor"], view, review)


def release(store, doctor, view, review=AGREE, note=NOTE):
    view = save_review(store, doctor, view.public_id, NewReview(review), pdf(f"{review.decision}"))
    return save_release(store, doctor, view.public_id, note, view.review.created, {1: PNG})


def actions(store) -> list[str]:
    with reading(store.engine) as session:
        return [event.action for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.id))).all()]


def test_a_review_keeps_the_models_finding_and_the_first_report(store, doctor, make_study):
    saved = save_study(store, doctor, make_study())
    assert (saved.state, saved.review) == (State.AWAITING, None)
    view = save_review(store, doctor, saved.public_id, NewReview(AGREE), pdf())
    assert (view.state, view.review.label, view.review.reviewer) == (State.REVIEWED, "glioma", doctor.full_name)
    assert view == get_study(store, doctor, saved.public_id)
    assert [report.version for report in view.reports] == [1, 2]
    assert read_file(store, doctor, view.public_id, "report") == pdf()[0]
    first = read_file(store, doctor, view.public_id, "report", version=1)
    assert first != pdf()[0]
    assert first.startswith(b"%PDF-")
    with pytest.raises(NotFound, match="no report"):
        read_file(store, doctor, view.public_id, "report", version=3)


@pytest.mark.parametrize(
    ("kind", "label"), [({}, "glioma"), ({"unsure": True}, "indeterminate"), ({"refused": True}, "indeterminate")]
)
def test_who_agrees_takes_the_models_verdict(store, doctor, make_study, answer, kind, label):
    unsure = kind == {"unsure": True}
    saved = save_study(store, doctor, make_study(**{"prediction": answer("glioma", 0.5)} if unsure else kind))
    view = save_review(store, doctor, saved.public_id, NewReview(AGREE), pdf())
    assert view.review.label == label
    with pytest.raises(InvalidRecord, match="what the model says"):
        save_review(store, doctor, saved.public_id, NewReview(override(label)), pdf())


def test_a_later_review_replaces_an_earlier_one_and_both_are_kept(store, actors, make_study):
    view = released(store, actors, make_study)
    doctor = actors["doctor"]
    amended = save_review(store, doctor, view.public_id, NewReview(override()), pdf("second"))
    assert [(review.label, review.superseded is None) for review in amended.reviews] == [
        ("glioma", False), ("meningioma", True),
    ]  # fmt: skip
    assert amended.review.reason == "A dural tail."
    assert [report.version for report in amended.reports] == [1, 2, 3]
    # What the patient had read rested on the first one.
    assert (amended.state, amended.release) == (State.REVIEWED, None)
    assert amended.releases[0].withdrawal_reason == "The review was amended."
    assert find_results(store, actors["patient"]) == ()
    again = save_release(store, doctor, view.public_id, NOTE, amended.review.created, {1: PNG})
    assert again.state is State.RELEASED
    assert get_result(store, actors["patient"], view.public_id).label == "meningioma"
    assert actions(store).count("study.review") == 2
    assert actions(store).count("study.release") == 2
    assert "study.withdraw" in actions(store)


@pytest.mark.parametrize(
    "fields",
    [
        {"decision": "agree", "label": "glioma"},
        {"decision": "override", "reason": "because"},
        {"decision": "override", "label": "glioma"},
        {"decision": "override", "label": "glioma", "reason": "   "},
        {"decision": "perhaps"},
        {"decision": "agree", "reason": "x" * 2001},
    ],
)
def test_a_contradictory_review_is_a_sentence(fields):
    with pytest.raises(InvalidRecord, match=r"\.$"):
        ReviewCreate(**fields)


def test_an_unknown_finding_changes_nothing(store, doctor, make_study):
    saved = save_study(store, doctor, make_study())
    with pytest.raises(InvalidRecord, match="none that the task knows"):
        save_review(store, doctor, saved.public_id, NewReview(override("lymphoma")), pdf())
    with pytest.raises(InvalidRecord, match="empty"):
        save_review(store, doctor, saved.public_id, NewReview(AGREE), (b"", "application/pdf", "x.pdf"))
    seen = get_study(store, doctor, saved.public_id)
    assert (seen.state, seen.reviews, len(seen.reports)) == (State.AWAITING, (), 1)
    assert not list(store.vault.new.iterdir())


def test_nothing_is_released_that_nobody_reviewed_or_that_was_reviewed_again(store, doctor, make_study):
    saved = save_study(store, doctor, make_study())
    with pytest.raises(InvalidRecord, match="Nobody has reviewed"):
        save_release(store, doctor, saved.public_id, NOTE, now(), {1: PNG})
    first = save_review(store, doctor, saved.public_id, NewReview(AGREE), pdf())
    save_review(store, doctor, saved.public_id, NewReview(override()), pdf("second"))
    with pytest.raises(InvalidRecord, match="reviewed again meanwhile"):
        save_release(store, doctor, saved.public_id, NOTE, first.review.created, {1: PNG})
    assert get_study(store, doctor, saved.public_id).releases == ()
    with pytest.raises(InvalidRecord, match="note to the patient is missing"):
        ReleaseCreate(note=" ")


def test_the_patient_reads_the_result_and_not_the_study(store, actors, make_study):
    view = released(store, actors, make_study, review=override())
    patient = actors["patient"]
    (line,) = find_results(store, patient)
    result = get_result(store, patient, view.public_id)
    assert result == line
    assert (result.label, result.note, result.doctor) == ("meningioma", NOTE.note, actors["doctor"].full_name)
    assert "confidence" not in vars(result)
    with pytest.raises(NotAllowed):
        get_study(store, patient, view.public_id)
    assert read_file(store, patient, view.public_id, "report") == pdf("override")[0]
    assert read_file(store, patient, view.public_id, "picture") == PNG[0]
    for kind, version in (("upload", None), ("heat_map", None), ("report", 1)):
        with pytest.raises(NotFound):
            read_file(store, patient, view.public_id, kind, version)
    assert actions(store).count("result.view") == 2


def test_what_patients_take_away_are_their_record_and_released_results(store, actors, make_study):
    release(store, actors["doctor"], save_study(store, actors["doctor"], make_study(name="Bob", identifier="B-1")))
    view = released(store, actors, make_study)
    awaiting = save_study(store, actors["doctor"], make_study())
    withheld = col(Patient.public_id) == view.patient.public_id
    changes = {"notes": "Between doctors.", "phone": "0123"}
    write(store.engine, lambda session: session.exec(update(Patient).where(withheld).values(**changes)))
    export = export_own(store, actors["patient"])
    assert (export["patient"]["name"], export["patient"]["phone"]) == (view.patient.name, "0123")
    (result,) = export["results"]
    assert (result["public_id"], result["label"], result["note"]) == (str(view.public_id), "glioma", NOTE.note)
    words = json.dumps(export)
    assert not any(other in words for other in ("Between doctors", "Bob", str(awaiting.public_id)))
    assert export_own(store, actors["doctor"])["results"] == []


def test_nobody_else_reads_a_released_result(store, actors, make_study):
    view = released(store, actors, make_study)
    other = save_study(store, actors["doctor"], make_study())
    release(store, actors["doctor"], other)
    # A released study of a patient without an account, and one of an account that is somebody else's.
    with pytest.raises(NotFound):
        get_result(store, actors["patient"], other.public_id)
    assert [result.public_id for result in find_results(store, actors["patient"])] == [view.public_id]
    for who in ("doctor", "admin", "researcher"):
        with pytest.raises(NotAllowed):
            get_result(store, actors[who], view.public_id)


def test_a_withdrawn_release_is_read_no_longer_and_says_why(store, actors, make_study):
    view = released(store, actors, make_study)
    why = ReasonCreate(reason="Sent to the wrong person.")
    with pytest.raises(NotFound):
        withdraw_release(store, actors["colleague"], view.public_id, why)
    after = withdraw_release(store, actors["doctor"], view.public_id, why)
    assert (after.state, after.release, after.releases[0].withdrawal_reason) == (State.REVIEWED, None, why.reason)
    with pytest.raises(NotFound):
        get_result(store, actors["patient"], view.public_id)
    with pytest.raises(NotFound):
        read_file(store, actors["patient"], view.public_id, "report")
    with pytest.raises(InvalidRecord, match="not released"):
        withdraw_release(store, actors["doctor"], view.public_id, why)


def test_another_note_takes_the_place_of_the_first(store, actors, make_study):
    view = released(store, actors, make_study)
    note = ReleaseCreate(note="Come on Monday.")
    save_release(store, actors["doctor"], view.public_id, note, view.review.created, {1: PNG})
    (result,) = find_results(store, actors["patient"])
    assert result.note == "Come on Monday."
    seen = get_study(store, actors["doctor"], view.public_id)
    assert [release.withdrawn is None for release in seen.releases] == [False, True]


def test_a_colleagues_review_is_that_of_a_study_that_does_not_exist(store, actors, make_study):
    view = save_study(store, actors["doctor"], make_study())
    with pytest.raises(NotFound):
        save_review(store, actors["colleague"], view.public_id, NewReview(AGREE), pdf())
    assert Decision.AGREE not in [r.decision for r in get_study(store, actors["doctor"], view.public_id).reviews]
