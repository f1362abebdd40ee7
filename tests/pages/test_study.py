"""A stored study and a released result, opened by their addresses."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import col, update

from pages.view import acting
from services import followup
from services.analysis import Upload
from services.imaging.phantom import as_png
from services.records.columns import now
from services.records.database import write
from services.records.studies import get_study
from services.records.tables import Patient, PatientCreate, ReleaseCreate, ReviewCreate, Role, State, User
from services.workflow import Details
from tests.pages.conftest import follow, text

NOTE = "Nothing to worry about.\nCome back in May."


@pytest.fixture(scope="module")
def analysis(room):
    upload = Upload(as_png("coronal_t1c_pituitary"), "slice.png")
    return room.bench.analyse(room.actor(Role.DOCTOR), upload, task_key=acting.TASK)


@pytest.fixture
def save(room, analysis):
    """A function that saves a study of the demo doctor with all its files."""

    def save_study(name="Marie Curie", identifier="TEST1", taken=date(2024, 5, 6)):
        details = Details(PatientCreate(name=name, identifier=identifier), taken, "Follow-up", same_person=True)
        return room.bench.save(room.actor(Role.DOCTOR), [analysis], details)

    return save_study


def link(room, view) -> None:
    """The study's patient, and nobody else, has the demo's patient account."""
    account = room.actor(Role.PATIENT).user_id

    def work(session):
        session.exec(update(Patient).where(col(Patient.account_id) == account).values(account_id=None))
        this = col(Patient.public_id) == view.patient.public_id
        session.exec(update(Patient).where(this).values(account_id=account))

    write(room.bench.store.engine, work)


def release(room, view, label="other"):
    doctor = room.actor(Role.DOCTOR)
    review = ReviewCreate(decision="override", label=label, reason="Known since 2019.")
    view = followup.review(room.bench, doctor, view.public_id, review)
    return followup.release(room.bench, doctor, view.public_id, ReleaseCreate(note=NOTE), view.review.created)


def opened(sign_in, role, view, page="study"):
    app = sign_in(role)
    app.query_params["id"] = str(view.public_id)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def said(app) -> str:
    """The page's words without the marks that keep Markdown from acting on them."""
    return text(app).replace("\\", "")


def downloads(app) -> set[str]:
    return {button.proto.label for button in app.get("download_button")}


def test_the_doctor_reads_the_study_and_can_take_its_files(save, sign_in):
    app = opened(sign_in, Role.DOCTOR, save())
    assert not app.error
    assert app.title[0].value == "What did this study show?"
    words = said(app) + "".join(str(table.value) for table in app.table)
    for word in ("Marie Curie", "TEST1", "Course of events", "Nobody has reviewed this study yet."):
        assert word in words, word
    assert {"Report (PDF)", "Heat map (PNG)", "Uploaded file"} <= downloads(app)
    # What this person had open is let go of; sessions under test have one id.
    app.button(key="sign_out").click().run()


def test_an_administrator_sees_it_only_while_the_right_to_see_images_lasts(save, sign_in, room):
    view, store = save(identifier="TEST9"), room.bench.store
    this = update(User).where(col(User.id) == room.actor(Role.ADMIN).user_id)
    write(store.engine, lambda session: session.exec(this.values(images_until=now() + timedelta(hours=1))))
    try:
        app = opened(sign_in, Role.ADMIN, view)
        assert not app.error
        assert "Marie Curie" in said(app) + "".join(str(table.value) for table in app.table)
        assert "Heat map (PNG)" in downloads(app)
        assert not [button.key for button in app.button if button.key.startswith("open_")]
    finally:
        write(store.engine, lambda session: session.exec(this.values(images_until=None)))
    app.run()
    assert "Marie Curie" not in said(app) + "".join(str(table.value) for table in app.table)
    assert not downloads(app)


def test_the_doctor_reviews_releases_and_withdraws(save, sign_in, room):
    view = save(identifier="TEST2")
    app = opened(sign_in, Role.DOCTOR, view)
    app.button(key="open_review").click().run()
    app.radio(key="review_decision").set_value("override").run()
    app.selectbox(key="review_label").set_value("other").run()
    app.button(key="save_review").click().run()
    assert [error.value for error in app.error] == ["An override needs a reason; write why the finding differs."]
    app.text_area(key="review_reason").set_value("Known since 2019.").run()
    app.button(key="save_review").click().run()
    assert not app.error
    assert "The doctor overrides the model: another finding" in said(app)
    assert "Review 1 by Dr Demo Doctor: overrode the model" in said(app)
    assert any(label.startswith("Report of") for label in downloads(app))
    app.button(key="open_release").click().run()
    app.text_area(key="release_note").set_value(NOTE).run()
    app.button(key="save_release").click().run()
    assert not app.error
    doctor = room.actor(Role.DOCTOR)
    assert get_study(room.bench.store, doctor, view.public_id).state is State.RELEASED
    app.button(key="open_withdraw").click().run()
    app.text_input(key="withdraw_reason").set_value("Too early.").run()
    app.button(key="save_withdrawal").click().run()
    assert "Release withdrawn: Too early" in said(app)
    assert get_study(room.bench.store, doctor, view.public_id).state is State.REVIEWED


def test_a_deleted_study_is_gone_until_it_is_restored(save, sign_in):
    view = save(name="Dora Gone", identifier="TEST3")
    app = opened(sign_in, Role.DOCTOR, view)
    app.button(key="open_delete").click().run()
    app.text_input(key="delete_reason").set_value("Twice.").run()
    app.button(key="save_deletion").click().run()
    assert not app.exception
    # The browser follows to the history by itself; an app under test has to be sent there for its next runs.
    app.switch_page("pages/history.py").run()
    assert "The study was deleted." in said(app)
    app.text_input(key="history_patient").set_value("dora gone").run()
    assert "No study fits these filters" in said(app)
    app.button(key="restore").click().run()
    app.text_input(key="history_patient").set_value("dora gone").run()
    assert any(link.proto.label.startswith("Dora Gone") for link in app.page_link)


def test_a_patient_reads_nothing_of_a_study_that_was_not_released(save, sign_in, room):
    view = save(identifier="TEST4")
    link(room, view)
    app = opened(sign_in, Role.PATIENT, view, "result")
    assert app.title[0].value == "What did my doctor find?"
    assert [error.value for error in app.error] == [
        "There is no such result, or it is not released to you. Look for it on the first page."
    ]
    assert not app.get("download_button")
    for word in ("Marie Curie", "TEST4", "pituitary", "note"):
        assert word not in said(app), word


def test_a_patient_reads_a_released_result_in_plain_words(save, sign_in, room):
    view = release(room, save(identifier="TEST5"), "meningioma")
    link(room, view)
    app = sign_in(Role.PATIENT)
    assert "Your doctor sees signs of a meningioma" in said(app)
    follow(app, next(link for link in app.page_link if link.proto.label == "Read it"))
    words = said(app)
    for word in ("Your doctor sees signs of a meningioma", "Nothing to worry about", "Dr Demo Doctor"):
        assert word in words, word
    for word in ("%", "pituitary", "Known since 2019", "TEST5", "confidence"):
        assert word not in words, word
    assert downloads(app) == {"Download the report (PDF)"}
    assert len(app.get("image")) == 1


def test_two_studies_of_one_patient_are_ticked_and_shown_beside_each_other(save, sign_in):
    taken = date(2024, 5, 6)
    views = [save(name="Paula Pair", identifier="TEST6", taken=taken + timedelta(days=n)) for n in (0, 100)]
    app = sign_in(Role.DOCTOR)
    app.switch_page("pages/history.py").run()
    app.text_input(key="history_patient").set_value("paula pair").run()
    app.checkbox(key=f"tick_{views[1].public_id.hex}").check().run()
    assert "1 ticked" in said(app)
    app.checkbox(key=f"tick_{views[0].public_id.hex}").check().run()
    follow(app, next(link for link in app.page_link if link.proto.label == "See the two side by side"))
    assert app.title[0].value == "What has changed?"
    assert [head.value for head in app.subheader] == ["06 May 2024", "14 Aug 2024"]
    assert len(app.get("image")) == 2


def test_studies_of_two_patients_are_not_shown_beside_each_other(save, sign_in):
    one, other = save(name="Paula Pair", identifier="TEST7"), save(name="Quentin Pair", identifier="TEST8")
    app = sign_in(Role.DOCTOR)
    app.query_params.update({"one": str(one.public_id), "other": str(other.public_id)})
    app.switch_page("pages/side_by_side.py").run()
    assert [error.value for error in app.error] == [
        "These studies are of two patients. Choose two studies of one patient."
    ]


@pytest.mark.parametrize(
    ("role", "page"), [(Role.DOCTOR, "study"), (Role.DOCTOR, "side_by_side"), (Role.PATIENT, "result")]
)
def test_without_an_address_it_says_where_to_look(sign_in, role, page):
    app = sign_in(role)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert "first page" in app.error[0].value if page == "result" else "history" in app.error[0].value
