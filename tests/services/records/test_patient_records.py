"""Patients' records: entered, changed by two at once, shared, and linked to the patients' own accounts."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import date

import pytest
from sqlmodel import col, select

from services.errors import InvalidRecord, NotAllowed, NotFound
from services.imaging.slice import PatientHint
from services.records.database import reading, write
from services.records.history import find_studies
from services.records.linking import (
    link_account,
    link_by_identifier,
    linked_accounts,
    unlink_account,
    waiting_accounts,
)
from services.records.patient_records import (
    add_patient,
    colleagues,
    edit_patient,
    get_patient,
    share_patient,
    unshare_patient,
)
from services.records.patients import ChosenPatient, choose_patient, contradictions, find_patients, patient_to_save
from services.records.studies import get_study, save_study
from services.records.tables import AuditEvent, Outcome, Patient, PatientBase, PatientCreate, Sex, User

ANNA = PatientCreate(
    name="Anna Müller", identifier="H-1", birth_date=date(1970, 2, 3), sex=Sex.FEMALE, phone="+49 30 1", notes="Deaf."
)


def trail(store) -> list[tuple[str, str, str]]:
    with reading(store.engine) as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.id))).all()
    return [(row.action, row.object, row.outcome) for row in rows]


@pytest.fixture
def anna(store, doctor):
    return add_patient(store, doctor, ANNA).public_id


def test_a_record_comes_back_as_entered_and_every_look_is_noted(store, doctor, anna):
    view = get_patient(store, doctor, anna)
    assert view.record.model_dump() == ANNA.model_dump()
    assert (view.version, view.held, view.doctors, view.account) == (1, True, (), None)
    assert view.entered.full_name == doctor.full_name
    assert trail(store) == [("patient.add", f"patient {anna}", "done"), ("patient.view", f"patient {anna}", "done")]
    assert [p.public_id for p in find_patients(store, doctor, "muller")] == [anna]


def test_two_edits_at_once_and_the_second_gets_a_sentence(store, doctor, actors, anna):
    share_patient(store, doctor, anna, actors["colleague"].public_id)
    first, second = (get_patient(store, actors[who], anna) for who in ("doctor", "colleague"))
    moved = PatientCreate(**ANNA.model_dump() | {"address": "Elsewhere 7", "name": "Anna Meier"})
    edit_patient(store, doctor, anna, first.version, moved)
    with pytest.raises(InvalidRecord, match="changed this record since you opened it"):
        edit_patient(store, actors["colleague"], anna, second.version, ANNA)
    view = get_patient(store, doctor, anna)
    assert (view.record.name, view.record.address, view.version) == ("Anna Meier", "Elsewhere 7", 2)
    assert find_patients(store, doctor, "meier")
    assert not find_patients(store, doctor, "muller")
    assert [event for event in trail(store) if event[0] == "patient.edit"] == [
        ("patient.edit", f"patient {anna} version 2", "done")
    ]


def test_an_identifier_belongs_to_one_patient(store, doctor, actors, anna):
    with pytest.raises(InvalidRecord, match="identifier already"):
        add_patient(store, actors["colleague"], PatientCreate(name="Bob", identifier="h-1"))
    other = add_patient(store, doctor, PatientCreate(name="Bob", identifier="H-2"))
    with pytest.raises(InvalidRecord, match="identifier already"):
        edit_patient(store, doctor, other.public_id, 1, PatientCreate(name="Bob", identifier="H-1"))
    edit_patient(store, doctor, anna, 1, PatientCreate(**ANNA.model_dump() | {"notes": ""}))
    assert get_patient(store, doctor, other.public_id).record.identifier == "H-2"
    assert [event for event in trail(store) if event[0] == "patient.find"] == [
        ("patient.find", "identifier of another", "refused")
    ] * 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mail", "nowhere", "must look like"),
        ("phone", "7" * 41, "longer than 40"),
        ("address", "a\x00b", "unprintable"),
    ],
)
def test_contact_is_checked(field, value, words):
    with pytest.raises(InvalidRecord, match=words):
        PatientCreate(name="Anna", **{field: value})


def test_a_patient_who_is_not_yours_and_one_who_does_not_exist_get_the_same_answer(store, actors, anna):
    told = set()
    for address in (anna, str(anna), uuid.uuid4(), "nonsense", ""):
        for ask in (get_patient, lambda *a: edit_patient(*a, 1, ANNA), lambda *a: share_patient(*a, uuid.uuid4())):
            with pytest.raises(NotFound) as refusal:
                ask(store, actors["colleague"], address)
            told.add(str(refusal.value))
    with pytest.raises(NotFound) as refusal:
        choose_patient(store, actors["colleague"], anna)
    told.add(str(refusal.value))
    assert len(told) == 1
    assert ("patient.view", f"patient {anna}", Outcome.REFUSED) in trail(store)


def test_choosing_a_patient_is_a_look_and_saving_notes_itself(store, doctor, actors, anna):
    assert choose_patient(store, doctor, anna) == patient_to_save(store, doctor, anna)
    for ask in (choose_patient, patient_to_save):
        with pytest.raises(NotFound):
            ask(store, actors["colleague"], anna)
        with pytest.raises(NotAllowed):
            ask(store, actors["researcher"], anna)
    assert trail(store)[1:] == [
        ("patient.view", f"patient {anna}", "done"),
        *[("patient.view", f"patient {anna}", "refused")] * 2,
        *[("study.save", f"patient {anna}", "refused")] * 2,
    ]


def test_who_only_examined_a_patient_sees_who_it_is_and_changes_nothing(store, doctor, actors, make_study):
    other = actors["colleague"]
    unknown = PatientCreate(**ANNA.model_dump() | {"birth_date": None, "sex": Sex.UNKNOWN})
    anna = add_patient(store, doctor, unknown).public_id
    link_account(store, doctor, anna, actors["patient"].public_id)
    typed = make_study(name=ANNA.name, identifier=ANNA.identifier)
    assert save_study(store, other, typed).patient.public_id == anna
    view = get_patient(store, other, anna)
    assert (view.record.name, view.record.identifier, view.held) == (ANNA.name, ANNA.identifier, False)
    assert (view.record.phone, view.record.notes, view.account) == ("", "", None)
    view = get_patient(store, doctor, anna)
    assert (view.record.model_dump(), view.version) == (unknown.model_dump(), 1)
    assert view.account is not None
    share_patient(store, doctor, anna, other.public_id)
    save_study(store, other, make_study(name=ANNA.name, identifier=ANNA.identifier))
    view = get_patient(store, other, anna)
    assert (view.record.model_dump(), view.version) == (ANNA.model_dump(), 2)
    assert [event[0] for event in trail(store)].count("patient.complete") == 1


def test_sharing_opens_the_studies_and_ends(store, doctor, actors, make_study, anna):
    other = actors["colleague"]
    study = save_study(store, doctor, dataclasses.replace(make_study(), patient=ChosenPatient(anna)))
    assert study.patient.name == "Anna Müller"
    assert [person.username for person in colleagues(store, doctor)] == ["colleague"]
    share_patient(store, doctor, anna, other.public_id)
    share_patient(store, doctor, anna, other.public_id)
    assert get_study(store, other, study.public_id).public_id == study.public_id
    assert [s.public_id for s in find_studies(store, other).studies] == [study.public_id]
    view = get_patient(store, other, anna)
    assert ([d.username for d in view.doctors], view.held) == (["colleague"], True)
    own = save_study(store, other, dataclasses.replace(make_study(), patient=ChosenPatient(anna)))
    assert len(find_studies(store, doctor).studies) == len(find_studies(store, other).studies) == 2
    with pytest.raises(InvalidRecord, match="keeps the record"):
        unshare_patient(store, other, anna, doctor.public_id)
    unshare_patient(store, doctor, anna, other.public_id)
    assert [s.public_id for s in find_studies(store, other).studies] == [own.public_id]
    assert not get_patient(store, other, anna).held
    with pytest.raises(NotFound):
        edit_patient(store, other, anna, 1, ANNA)
    shared = [event[0] for event in trail(store) if "share" in event[0]]
    assert shared == ["patient.share", "patient.unshare"]


@pytest.mark.parametrize("who", ["admin", "patient", "nobody"])
def test_a_patient_is_shared_with_doctors_only(store, doctor, actors, anna, who):
    with pytest.raises(InvalidRecord, match="no such doctor"):
        share_patient(store, doctor, anna, actors[who].public_id if who in actors else uuid.uuid4())


def test_a_chosen_patient_must_be_yours_and_born(store, doctor, actors, make_study, anna):
    chosen = dataclasses.replace(make_study(), patient=ChosenPatient(anna))
    with pytest.raises(NotFound):
        save_study(store, actors["colleague"], chosen)
    early = make_study(birth_date=None, study_date=date(1960, 1, 1))
    with pytest.raises(InvalidRecord, match="before the patient's birth"):
        save_study(store, doctor, dataclasses.replace(early, patient=ChosenPatient(anna)))
    assert not find_studies(store, doctor).studies


def test_a_confirmed_contradiction_is_in_the_trail(store, doctor, make_study, anna):
    new = dataclasses.replace(make_study(), patient=ChosenPatient(anna), despite=("name", "birth date"))
    view = save_study(store, doctor, new)
    assert ("patient.confirm", f"study {view.public_id} despite name, birth date", "done") in trail(store)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ()),
        (PatientHint(), ()),
        (PatientHint("Muller, ANNA", "h-1", "1970-02-03"), ()),
        (PatientHint("Müller, Anna Maria"), ()),
        (PatientHint("Mueller, Anna"), ("name",)),
        (PatientHint("Müller, Bernd", "H-2", "1970-02-04"), ("name", "hospital identifier", "birth date")),
        (PatientHint("山田, 太郎", other_writings=("Müller, Anna",)), ()),
        (PatientHint(birth_date="", identifier="H-10"), ("hospital identifier",)),
        (PatientHint(sex="F"), ()),
        (PatientHint(sex="m"), ("sex",)),
        (PatientHint(sex="O"), ("sex",)),
        (PatientHint(sex="unsaid"), ()),
    ],
)
def test_what_counts_as_a_contradiction(header, expected):
    anna = PatientBase(**ANNA.model_dump(include={"name", "identifier", "birth_date", "sex"}))
    assert contradictions(header, anna) == expected


def test_a_waiting_account_is_linked_once_and_parted(store, doctor, actors, anna):
    account = actors["patient"].public_id
    for who in ("doctor", "admin"):
        assert [person.public_id for person in waiting_accounts(store, actors[who])] == [account]
    link_account(store, doctor, anna, account)
    assert waiting_accounts(store, doctor) == ()
    assert get_patient(store, doctor, anna).account.public_id == account
    assert [person.public_id for person in linked_accounts(store, actors["admin"])] == [account]
    assert linked_accounts(store, actors["colleague"]) == ()
    other = add_patient(store, doctor, PatientCreate(name="Bob")).public_id
    with pytest.raises(InvalidRecord, match="does not wait"):
        link_account(store, doctor, other, account)
    with pytest.raises(InvalidRecord, match="has an account already"):
        link_account(store, doctor, anna, uuid.uuid4())
    with pytest.raises(NotFound):
        unlink_account(store, actors["colleague"], account)
    unlink_account(store, doctor, account)
    with pytest.raises(InvalidRecord, match="linked to no record"):
        unlink_account(store, actors["admin"], account)
    assert len(waiting_accounts(store, doctor)) == 1


@pytest.mark.parametrize("who", ["doctor", "researcher"])
def test_only_active_patients_accounts_wait(store, doctor, actors, anna, who):
    with pytest.raises(InvalidRecord, match="does not wait"):
        link_account(store, doctor, anna, actors[who].public_id)
    write(store.engine, lambda s: [setattr(user, "active", False) for user in s.exec(select(User)).all()
                                   if user.username == "patient"])  # fmt: skip
    assert waiting_accounts(store, doctor) == ()


def test_an_administrator_links_without_seeing_a_record(store, actors, anna):
    admin, account = actors["admin"], actors["patient"].public_id
    told = set()
    for identifier, born in (("H-1", date(1970, 2, 4)), ("H-9", date(1970, 2, 3)), ("", date(1970, 2, 3))):
        with pytest.raises(InvalidRecord) as refusal:
            link_by_identifier(store, admin, account, identifier, born)
        told.add(str(refusal.value))
    # A colleague who guesses both learns as little as one who guesses neither.
    for identifier in ("H-1", "H-9"):
        with pytest.raises(InvalidRecord) as refusal:
            link_by_identifier(store, actors["colleague"], account, identifier, date(1970, 2, 3))
        told.add(str(refusal.value))
    assert len(told) == 1
    with pytest.raises(NotAllowed):
        link_by_identifier(store, actors["researcher"], account, "H-1", date(1970, 2, 3))
    assert trail(store)[1:] == [("patient.link", f"account {account.hex[:8]}", "refused")] * 6
    link_by_identifier(store, admin, account, " h-1 ", date(1970, 2, 3))
    with reading(store.engine) as session:
        assert session.exec(select(Patient.account_id)).one() == actors["patient"].user_id
    unlink_account(store, admin, account)
    assert [event[0] for event in trail(store)][-2:] == ["patient.link", "patient.unlink"]
