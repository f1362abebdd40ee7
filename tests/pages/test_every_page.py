"""Every page under every role: those of the role are drawn, the others cannot be reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.records.rights import Action, may
from services.records.tables import Role

# Page → its question for each role that has it.
QUESTIONS = {
    "analyse": {Role.DOCTOR: "What does it show?"},
    "quick": {Role.DOCTOR: "Is there anything to find?"},
    "results_board": dict.fromkeys((Role.DOCTOR, Role.ADMIN), "What was detected so far?"),
    "history": {Role.DOCTOR: "Where is that study?"},
    "patients": {Role.DOCTOR: "Whose studies are here?"},
    "compare": dict.fromkeys((Role.DOCTOR, Role.RESEARCHER, Role.ADMIN), "How far can I trust it?"),
    "admin": {Role.ADMIN: "Who is here, what answers, and is all of it whole?"},
    "account": dict.fromkeys(Role, "Who am I here?"),
    "about": dict.fromkeys(Role, "What is Falx, and what can it not do?"),
    "home": {
        Role.DOCTOR: "What needs me?",
        Role.RESEARCHER: "How good are the models, and how was that measured?",
        Role.PATIENT: "Which of my results can I read?",
        Role.ADMIN: "Is everything running?",
    },
}
# Drawn only with an address; test_study.py and test_patient.py open them in these roles.
BY_ADDRESS = {
    "study": {Role.DOCTOR}, "side_by_side": {Role.DOCTOR}, "result": {Role.PATIENT}, "patient": {Role.DOCTOR},
}  # fmt: skip


def test_no_page_is_forgotten():
    folder = Path(__file__).resolve().parent.parent.parent / "pages"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(QUESTIONS) | set(BY_ADDRESS)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_its_pages_and_no_others(role, sign_in):
    app = sign_in(role)
    assert app.title[0].value == QUESTIONS["home"][role]
    for page, questions in QUESTIONS.items():
        if role not in questions:
            with pytest.raises(ValueError, match="registered"):
                app.switch_page(f"pages/{page}.py")
            continue
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page
        assert not app.error, (page, [error.value for error in app.error])
        assert app.title[0].value == questions[role]
        words = [caption.value for caption in app.caption] + [markdown.value for markdown in app.markdown]
        assert any("Not a medical device" in word for word in words), page
        assert any("Demonstration" in word for word in words), page
    for page, roles in BY_ADDRESS.items():
        if role not in roles:
            with pytest.raises(ValueError, match="registered"):
                app.switch_page(f"pages/{page}.py")


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_follows_the_rights(role, room):
    actor = room.actor(role)
    assert may(actor, Action.STUDY_SAVE) is (role in QUESTIONS["analyse"])
    assert may(actor, Action.METRICS_VIEW) is (role in QUESTIONS["compare"])
    assert may(actor, Action.ACCOUNT_LIST) is (role in QUESTIONS["admin"])
    assert may(actor, Action.PATIENT_FIND) is (role in QUESTIONS["patients"])


def test_an_administrator_makes_an_account(sign_in):
    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    fields = {field.label: field for field in app.text_input}
    fields["User name"].set_value("nadia")
    fields["Full name"].set_value("Dr *Nadia* Rahimi")
    fields["First password; empty for a one-time link"].set_value("too short")
    make = next(button for button in app.button if button.label == "Make the account")
    make.click().run()
    assert "12 to 128 characters" in app.error[0].value
    fields = {field.label: field for field in app.text_input}
    fields["First password; empty for a one-time link"].set_value("a password long enough")
    next(button for button in app.button if button.label == "Make the account").click().run()
    assert not app.error
    assert "can sign in as nadia" in app.success[0].value
    assert "\\*Nadia\\*" in app.success[0].value


def test_the_store_is_checked_on_demand(sign_in):
    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    app.segmented_control[0].set_value("Storage").run()
    next(button for button in app.button if button.label == "Check database and files").click().run()
    assert not app.exception
    assert app.success[0].value.startswith("All is well")
