"""A study comes back as it was saved, for the person whose it is and for nobody else."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlmodel import select

from services.errors import InvalidRecord, NotFound, Unavailable
from services.inference.prediction import ModelRef, Verdict
from services.records.database import reading
from services.records.filters import StudyFilters
from services.records.history import find_studies
from services.records.patients import find_patients
from services.records.studies import get_study, read_file, save_study
from services.records.tables import AuditEvent, ImageCreate, Patient, PatientCreate, Study, StudyCreate
from services.records.text import printable_name

BORN = "The birth date must lie between 1850 and today; check the year."


def trail(store):
    with reading(store.engine) as session:
        events = session.exec(select(AuditEvent).order_by(AuditEvent.id)).all()
        return [(event.who, event.action, event.object, event.outcome.value) for event in events]


def test_everything_comes_back(store, doctor, make_study):
    new = make_study(
        identifier="H-1",
        study={"description": "Ax T1 + Gd", "notes": "first line\nsecond line ✓", "frame": 3, "frames": 20},
    )
    saved = save_study(store, doctor, new)
    seen = get_study(store, doctor, str(new.public_id))
    assert seen == saved
    assert seen.prediction == new.images[0].prediction
    assert (seen.public_id, seen.created, seen.reader) == (new.public_id, new.created, doctor.full_name)
    assert (seen.patient.name, seen.patient.identifier, seen.patient.sex.value) == ("Zoë Müller", "H-1", "female")
    for name in ("task", "study_date", "description", "notes"):
        assert getattr(seen, name) == getattr(new.study, name)
    for name in ("format", "frame", "frames", "modality"):
        assert getattr(seen.lead, name) == getattr(new.images[0].image, name)
    assert (seen.lead.heat_map_method, seen.lead.heat_map_layer) == ("Grad-CAM", "top_activation")
    assert seen.verdict is Verdict.ANSWERED
    assert set(seen.files) == {"upload", "report"}
    for kind, (content, media_type, name) in (*new.images[0].files.items(), *new.files.items()):
        file = seen.files[kind]
        digest = hashlib.sha256(content).hexdigest()
        assert (file.sha256, file.size, file.media_type, file.name) == (digest, len(content), media_type, name)
        assert read_file(store, doctor, new.public_id, kind) == content
    study = f"study {new.public_id}"
    assert trail(store) == [
        ("doctor", "study.save", study, "done"),
        ("doctor", "study.view", study, "done"),
        ("doctor", "file.read", f"{study} upload", "done"),
        ("doctor", "file.read", f"{study} report", "done"),
    ]


@pytest.mark.parametrize(
    "name",
    ["Ελένη Παπαδοπούλου", "Анна-Мария Щербакова", "王小明", "محمد بن علي", "שרה כהן", "ปวีณา ตั้งใจ", "सुनीता शर्मा",
     "Nguyễn Thị Ánh", "İbrahim Işık", "Ægir Þórsson", "🧠 𝔄𝔫𝔫𝔞",
     "Łucja Øster", "O'Brien; DROP TABLE study; --", "100% _a_\\b", "김철수"],
)  # fmt: skip
def test_names_of_any_script_survive_and_are_found(store, doctor, make_study, name):
    save_study(store, doctor, make_study(name="Somebody Else"))
    new = make_study(name=name, identifier=f"ид-{name[:3]}")
    assert save_study(store, doctor, new).patient.name == name
    assert get_study(store, doctor, new.public_id).patient.name == name
    found = find_studies(store, doctor, StudyFilters(patient=name.split()[-1].upper()))
    assert [study.patient_name for study in found.studies] == [name]
    assert [patient.name for patient in find_patients(store, doctor, name)] == [name]


def test_times_keep_their_microseconds_and_their_zone(store, doctor, make_study):
    moment = datetime(2024, 3, 31, 2, 30, 0, 123457, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    saved = save_study(store, doctor, make_study(created=moment))
    seen = get_study(store, doctor, saved.public_id)
    assert seen.created == moment
    assert seen.created.tzinfo == UTC
    assert seen.created.microsecond == 123457


@pytest.mark.parametrize("refused_but_overruled", [False, True])
def test_a_refused_slice_is_kept_with_its_reasons(store, doctor, make_study, refused_but_overruled):
    new = make_study(refused=True)
    if refused_but_overruled:
        overruled = {"gate_accepted": False, "gate_reasons": ("This is a colour picture.",)}
        new = make_study(study=overruled | {"overrule_reason": "A scan of a film, readable"})
    seen = get_study(store, doctor, save_study(store, doctor, new).public_id)
    assert not seen.lead.gate_accepted
    assert seen.lead.gate_reasons == ("This is a colour picture.",)
    assert seen.prediction == new.images[0].prediction
    assert seen.verdict is (Verdict.ANSWERED if refused_but_overruled else Verdict.REFUSED)
    assert bool(seen.lead.overrule_reason) is refused_but_overruled


def test_a_study_is_stored_once(store, doctor, make_study):
    new = make_study()
    save_study(store, doctor, new)
    with pytest.raises(InvalidRecord, match="stored already"):
        save_study(store, doctor, new)
    assert len(find_studies(store, doctor).studies) == 1


def test_a_known_patient_is_used_again_whatever_the_case_and_what_was_unknown_is_filled_in(store, doctor, make_study):
    first = save_study(store, doctor, make_study(identifier="H-7", birth_date=None))
    second = save_study(store, doctor, make_study(identifier=" h-7 ", name="ZOË  MÜLLER"))
    assert second.patient.public_id == first.patient.public_id
    assert second.patient.name == "Zoë Müller"
    assert get_study(store, doctor, first.public_id).patient.birth_date == date(1970, 2, 3)
    assert "patient.complete" in [action for _, action, _, _ in trail(store)]


@pytest.mark.parametrize(
    ("change", "word"),
    [({"name": "Anna Schmidt"}, "name"), ({"birth_date": date(1971, 2, 3)}, "birth date"), ({"sex": "male"}, "sex")],
)
def test_a_conflicting_patient_is_a_sentence_and_nothing_changes(store, actors, make_study, change, word):
    save_study(store, actors["doctor"], make_study(identifier="H-7"))
    new = make_study(identifier="H-7")
    other = PatientCreate(**new.patient.model_dump() | change)
    # A colleague is told that they conflict, not what is stored.
    with pytest.raises(InvalidRecord, match=f"another {word}.") as caught:
        save_study(store, actors["colleague"], dataclasses.replace(new, patient=other))
    assert "1970" not in str(caught.value)
    assert "Müller" not in str(caught.value)
    with reading(store.engine) as session:
        [patient] = session.exec(select(Patient)).all()
        assert (patient.name, patient.birth_date, patient.sex.value) == ("Zoë Müller", date(1970, 2, 3), "female")
        assert len(session.exec(select(Study)).all()) == 1
    assert not list(store.vault.new.iterdir())


def test_without_an_identifier_namesakes_stay_two_people(store, doctor, make_study):
    first, second = (save_study(store, doctor, make_study()) for _ in range(2))
    assert first.patient.public_id != second.patient.public_id


def test_equal_files_are_kept_once(store, doctor, make_study):
    one, two = (save_study(store, doctor, make_study(upload=b"same pixels")) for _ in range(2))
    assert one.files["upload"].sha256 == two.files["upload"].sha256
    assert sum(path.read_bytes() == b"same pixels" for path in store.vault.folder.glob("??/*")) == 1


def impossible(new):
    (image,), half = new.images, dataclasses.replace
    answer = image.prediction

    def of(**changes):
        return half(new, images=(half(image, **changes),))

    yield "another task", of(prediction=half(answer, model=ModelRef("breast_cancer", "small", "1")))
    yield "other classes", of(prediction=half(answer, classes=answer.classes[::-1]))
    yield "too few numbers", of(prediction=half(answer, probabilities=answer.probabilities[:2]))
    yield "not a number", of(prediction=half(answer, probabilities=(float("nan"), *answer.probabilities[1:])))
    yield "sum", of(prediction=half(answer, probabilities=tuple(p / 2 for p in answer.probabilities)))
    yield "not the label's", of(prediction=half(answer, label="notumor"))
    yield "verdict", of(prediction=half(answer, verdict=Verdict.UNCERTAIN))
    yield "refused", of(prediction=half(answer, verdict=Verdict.REFUSED))
    yield "no answer", of(prediction=None)
    yield "no upload", of(files={})
    yield "empty file", of(files=image.files | {"heat_map": (b"", "image/png", "x.png")})
    yield "kind is a path", of(files=image.files | {"../../etc/passwd": (b"x", "image/png", "x.png")})
    yield "media type", of(files=image.files | {"heat_map": (b"x", "image", "x.png")})
    unborn = PatientCreate(name="x", birth_date=date(2024, 6, 1))
    yield "unborn", half(new, patient=unborn)


def test_contradictions_are_refused_and_nothing_is_stored(store, doctor, make_study):
    for what, new in impossible(make_study()):
        with pytest.raises(InvalidRecord) as caught:
            save_study(store, doctor, new)
        assert str(caught.value).endswith("."), what
    with reading(store.engine) as session:
        assert not session.exec(select(Study)).all()
        assert not session.exec(select(Patient)).all()
    assert not list(store.vault.folder.glob("*/*"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "The patient's name is missing: fill it in."),
        ({"name": "   "}, "The patient's name is missing: fill it in."),
        ({"name": "x" * 201}, "The patient's name is longer than 200 characters: shorten it."),
        ({"name": "a\x00b"}, "The patient's name contains the unprintable character U+0000; type it again."),
        ({"name": "a", "identifier": "\ud800"}, "The hospital identifier contains the unprintable character U+D800; "
         "type it again."),
        ({"name": "a", "birth_date": date(1066, 1, 1)}, BORN),
        ({"name": "a", "birth_date": date(3000, 1, 1)}, BORN),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence(fields, sentence):
    with pytest.raises(InvalidRecord) as caught:
        PatientCreate(**fields)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "fields",
    [{"study_date": date(3000, 1, 1)}, {"notes": "x" * 4001}, {"notes": "\ud83e"}],
)  # fmt: skip
def test_a_contradictory_study_is_a_sentence(fields):
    with pytest.raises(InvalidRecord, match=r"\.$"):
        StudyCreate(**{"task": "brain_tumor_type", "study_date": date(2024, 1, 1)} | fields)


@pytest.mark.parametrize(
    "fields",
    [{"frame": 1}, {"frame": -1}, {"format": "GIF"}, {"gate_accepted": False}, {"overrule_reason": "because"}],
)
def test_a_contradictory_image_is_a_sentence(fields):
    with pytest.raises(InvalidRecord, match=r"\.$"):
        ImageCreate(**{"format": "PNG"} | fields)


def test_the_longest_texts_fit(store, doctor, make_study):
    new = make_study(
        name="𝔄" * 200,
        identifier="ΐ" * 64,
        study={"description": "𝔄" * 200, "notes": "𝔄" * 4000, "modality": "𝔄" * 16},
    )
    seen = get_study(store, doctor, save_study(store, doctor, new).public_id)
    assert (seen.patient.name, seen.patient.identifier, seen.notes) == ("𝔄" * 200, "ΐ" * 64, "𝔄" * 4000)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd", "passwd"), (r"C:\scans\Kopf.dcm", "Kopf.dcm"), ("a\u202egnp.exe", "agnp.exe"),
     ("\x00", "file"),
     ("頭部.png", "頭部.png"), ("x" * 300 + ".png", "x" * 251 + ".png"), ("", "file")],
)  # fmt: skip
def test_file_names_are_for_display_only(given, kept):
    assert printable_name(given) == kept


def test_a_missing_study_and_a_colleagues_look_alike(store, actors, make_study):
    theirs = save_study(store, actors["doctor"], make_study()).public_id
    answers = set()
    for wanted in (theirs, str(theirs), uuid.uuid4(), "nonsense", "", "1", "' OR 1=1 --"):
        for ask in (get_study, lambda *a: read_file(*a, "upload")):
            with pytest.raises(NotFound) as caught:
                ask(store, actors["colleague"], wanted)
            answers.add((type(caught.value), str(caught.value)))
    assert len(answers) == 1
    refused = [event for event in trail(store) if event[3] == "refused"]
    assert len(refused) == 14
    assert {who for who, *_ in refused} == {"colleague"}


def test_a_damaged_or_missing_file_is_never_handed_out(store, doctor, make_study):
    new = make_study()
    saved = save_study(store, doctor, new)
    path = store.vault.path(saved.files["upload"].sha256)
    path.write_bytes(b"something else")
    with pytest.raises(Unavailable, match="damaged"):
        read_file(store, doctor, saved.public_id, "upload")
    path.unlink()
    with pytest.raises(Unavailable, match="missing"):
        read_file(store, doctor, saved.public_id, "upload")
    assert trail(store)[-1][1:] == ("file.read", f"study {saved.public_id} upload", "failed")
    with pytest.raises(NotFound, match="no heat map"):
        read_file(store, doctor, saved.public_id, "heat_map")
    # The same upload once more mends it.
    save_study(store, doctor, make_study(upload=new.images[0].files["upload"][0]))
    assert read_file(store, doctor, saved.public_id, "upload") == new.images[0].files["upload"][0]
