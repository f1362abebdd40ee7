"""Where the links of the home page and of the patients lead: to exactly the studies that they count."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta

import pytest

from pages.view import acting
from pages.view.words import moment
from services.imaging.phantom import as_png
from services.inference.prediction import ModelRef, Prediction, Verdict
from services.records.columns import now
from services.records.parts import NewImage
from services.records.studies import NewStudy, save_study
from services.records.tables import ImageCreate, PatientCreate, Role, StudyCreate
from services.tasks import get_task
from tests.pages.conftest import address, follow, text

UPLOAD = {"upload": (as_png("axial_t2_healthy"), "image/png", "slice.png")}
REASONS = ("This is a colour picture.",)


def answer(label: str, confidence: float) -> Prediction:
    classes = get_task(acting.TASK).class_keys
    rest = (1 - confidence) / (len(classes) - 1)
    return Prediction(
        model=ModelRef(acting.TASK, "efficientnet", "1"),
        classes=classes,
        probabilities=tuple(confidence if key == label else rest for key in classes),
        label=label,
        confidence=confidence,
        threshold=0.8,
        verdict=Verdict.ANSWERED if confidence >= 0.8 else Verdict.UNCERTAIN,
        milliseconds=41.25,
    )


def new(name: str, prediction: Prediction | None) -> NewStudy:
    refused = {} if prediction else {"gate_accepted": False, "gate_reasons": REASONS}
    study = StudyCreate(task=acting.TASK, study_date=date(2024, 5, 6))
    image = NewImage(ImageCreate(format="PNG", modality="MR", **refused), prediction, UPLOAD)
    return NewStudy(PatientCreate(name=name), study, (image,), {})


@pytest.fixture(scope="module")
def kinds(room):
    """Studies of every kind, saved today and a month ago, all examined long ago."""
    doctor = room.actor(Role.DOCTOR)
    made = {
        "tumour": (answer("glioma", 0.95), answer("pituitary", 0.9), answer("meningioma", 0.97)),
        "healthy": (answer("notumor", 0.95),),
        "unsure": (answer("glioma", 0.5), answer("notumor", 0.6)),
        "refused": (None,),
    }
    for when in (now(), now() - timedelta(days=30)):
        for kind, predictions in made.items():
            for prediction in predictions:
                save_study(room.bench.store, doctor, replace(new(f"Kind {kind}", prediction), created=when))


def block(app, key: str):
    """What stands in the container of that key."""
    found, left = None, [app.main]
    while left:
        node = left.pop()
        left += getattr(node, "children", {}).values()
        if getattr(node, "key", None) == key:
            found = node
    return found


def labels(app) -> list[str]:
    return [link.proto.label for link in app.page_link if address(link).get("id")]


def listed(app) -> list[str]:
    """The patients of all pages of the history."""
    found = labels(app)
    while app.button(key="older") and not app.button(key="older").disabled:
        app.button(key="older").click().run()
        found += labels(app)
    return found


@pytest.mark.parametrize(
    ("tile", "kinds_counted", "least"),
    [
        ("awaiting_review", {"tumour", "healthy", "unsure", "refused"}, 14),
        ("uncertain_this_week", {"unsure"}, 2),
        ("refused_this_week", {"refused"}, 1),
        ("findings_suggested", {"tumour"}, 6),
        ("studies", {"tumour", "healthy", "unsure", "refused"}, 14),
    ],
)
def test_a_tile_leads_to_exactly_what_it_counts(sign_in, kinds, tile, kinds_counted, least):
    app = sign_in(Role.DOCTOR)
    metric, link = block(app, f"tile_{tile}").children.values()
    follow(app, link)
    there = listed(app)
    assert len(there) == int(metric.value)
    kept = [label.removeprefix("Kind ") for label in there if label.startswith("Kind")]
    assert len(kept) == least
    assert set(kept) == kinds_counted


def test_patients_of_one_name_have_each_their_own_studies(sign_in, room):
    doctor = room.actor(Role.DOCTOR)
    first, second = (save_study(room.bench.store, doctor, new("Wanda Twice", None)) for _ in range(2))
    for view in (first, second):
        app = sign_in(Role.DOCTOR)
        app.switch_page("pages/patients.py").run()
        app.text_input(key="patients_search").set_value("wanda twice").run()
        name, *_, number, latest = (
            next(iter(column.children.values()))
            for column in block(app, f"row_patient_{view.patient.public_id.hex}").children[0].children.values()
        )
        assert number.proto.label == "1"
        assert address(name) == {"id": str(view.patient.public_id)}
        assert latest.value == moment(view.created)
        follow(app, number)
        assert [address(link)["id"] for link in app.page_link if address(link).get("id")] == [str(view.public_id)]
        chip = app.button_group(key="history_person")
        assert chip.formatted_values == ["Wanda Twice"]
        chip.set_value(None).run()
        assert not app.exception
        assert len(labels(app)) > 1
        assert "history_person" not in {group.key for group in app.button_group}


def test_a_patient_who_is_nobodys_has_no_studies(sign_in, kinds):
    app = sign_in(Role.DOCTOR)
    app.query_params["person"] = str(uuid.uuid4())
    app.switch_page("pages/history.py").run()
    assert not app.exception
    assert not labels(app)
    assert "No study fits these filters" in text(app)
