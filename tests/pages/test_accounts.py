"""Accounts outside the demo: invited, registered, protected, and what an administrator does to them."""

from __future__ import annotations

import dataclasses
import re
import time

import pyotp
import pytest
from streamlit.testing.v1 import AppTest

from pages.view import acting
from services.errors import NotAllowed
from services.inference.engine import Engine
from services.inference.repository import ModelRepository
from services.records import people, second_factor
from services.records.accounts import find_accounts, invite
from services.records.people import authenticate, create_admin, create_user
from services.records.rights import Pending
from services.records.schema import migrate
from services.records.store import open_store
from services.records.tables import Role, UserCreate
from services.settings import get_settings
from services.workflow import Workbench, limits_of
from tests.pages.conftest import PATIENCE, ROOT, submit, text

PASSWORD = "four words that fit"


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An empty database outside the demo, behind the pages; no model is loaded."""
    monkeypatch.setenv("DEMO", "0")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    get_settings.cache_clear()
    migrate(get_settings().database)
    with open_store(get_settings()) as store:
        monkeypatch.setattr(acting, "records", lambda: (store, ()))
        monkeypatch.setattr(acting, "start_warm_up", lambda: None)
        # The pages' own is opened once a process, and not on this database.
        engine = Engine(ModelRepository(get_settings().models_dir))
        bench = Workbench(engine, store, limits_of(get_settings()), demo=False)
        monkeypatch.setattr(acting, "workbench", lambda: bench)
        yield store
    get_settings.cache_clear()


@pytest.fixture
def admin(house):
    """An administrator with a second factor, as an actor, and the authenticator."""
    create_admin(house, "chief", "Chief Administrator", PASSWORD)
    return with_second_factor(house, "chief")


def with_second_factor(house, name):
    totp = pyotp.TOTP(second_factor.new_secret())
    waiting = authenticate(house, name, PASSWORD)
    assert waiting.pending is Pending.SECOND_FACTOR
    second_factor.turn_on(house, waiting, PASSWORD, totp.secret, totp.now())
    return dataclasses.replace(waiting, pending=None), totp


def entrance(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    app.query_params.update(query)
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def come_in(app: AppTest, username: str, password: str = PASSWORD) -> AppTest:
    app.text_input(key="signin_name").set_value(username)
    app.text_input(key="signin_password").set_value(password)
    submit(app).click().run()
    assert not app.exception
    return app


def come_in_with_code(app: AppTest, admin) -> AppTest:
    come_in(app, admin[0].username)
    # The code of now has turned the second factor on; the next one is taken early, and late on a slow machine.
    app.text_input(key="signin_code").set_value(admin[1].at(time.time() + 30))
    submit(app).click().run()
    assert not app.exception
    return app


def test_who_registers_waits_for_a_record_and_sees_nothing_else(house):
    app = press(entrance(), "Register as a patient")
    for key, words in (("name", "Nadia"), ("full_name", "Nadia Rahimi"), ("password", PASSWORD), ("again", "other")):
        app.text_input(key=f"register_{key}").set_value(words)
    assert "differ" in press(app, "Register").error[0].value
    app.text_input(key="register_again").set_value(PASSWORD)
    press(app, "Register")
    assert "Sign in as nadia" in app.success[0].value
    come_in(app, "nadia")
    assert "waits to be linked" in text(app)
    assert authenticate(house, "nadia", PASSWORD).role is Role.PATIENT
    with pytest.raises(ValueError, match="registered"):
        app.switch_page("pages/history.py")
    app.switch_page("pages/account.py").run()
    assert not app.exception
    assert app.title[0].value == "Who am I here?"


def test_an_administrator_sets_up_a_second_factor_before_anything_else(house):
    create_admin(house, "chief", "Chief Administrator", PASSWORD)
    app = come_in(entrance(), "chief")
    with pytest.raises(ValueError, match="registered"):
        app.switch_page("pages/admin.py")
    assert app.title[0].value == "What else shows that it is you?"
    secret = app.code[0].value.replace(" ", "")
    app.text_input(key="factor_code").set_value("000000")
    app.text_input(key="factor_password").set_value(PASSWORD)
    assert "does not fit" in press(app, "Turn it on").error[0].value
    app.text_input(key="factor_code").set_value(pyotp.TOTP(secret).now())
    press(app, "Turn it on")
    codes = app.code[0].value.splitlines()
    assert len(codes) == 10
    press(app, "I have kept them")
    assert app.title[0].value == "Is everything running?"
    press(app, "Sign out")
    come_in(app, "chief")
    app.text_input(key="signin_code").set_value("123 456")
    submit(app).click().run()
    assert "code is wrong" in app.error[0].value
    app.text_input(key="signin_code").set_value(codes[0].upper())
    submit(app).click().run()
    assert app.title[0].value == "Is everything running?"


def test_an_invitation_is_handed_over_and_taken_once(house, admin):
    app = come_in_with_code(entrance(), admin)
    app.switch_page("pages/admin.py").run()
    fields = {field.label: field for field in app.text_input}
    fields["User name"].set_value("Amir")
    fields["Full name"].set_value("Dr *Amir*")
    press(app, "Make the account")
    secret = re.search(r"/\?link=([\w-]{43})$", app.code[0].value)[1]
    press(app, "Done")
    assert not app.code
    press(app, "Sign out")

    guest = entrance(link=secret)
    assert "invited as doctor" in text(guest)
    for key in ("link_password", "link_again"):
        guest.text_input(key=key).set_value("password1234")
    assert "first that anybody would try" in press(guest, "Set the password").error[0].value
    for key in ("link_password", "link_again"):
        guest.text_input(key=key).set_value(PASSWORD)
    press(guest, "Set the password")
    assert "Sign in as amir" in guest.success[0].value
    assert come_in(guest, "amir").title[0].value == "What needs me?"
    answers = {entrance(link=bad).error[0].value for bad in (secret, "never made", "")}
    assert len(answers) == 1


def test_a_person_is_found_given_a_role_and_closed_after_a_question(house, admin):
    for name in ("amir", "zoe"):
        create_user(house, admin[0], UserCreate(username=name, full_name=f"Dr {name}", role=Role.DOCTOR), PASSWORD)
    app = come_in_with_code(entrance(), admin)
    app.switch_page("pages/admin.py").run()
    app.text_input(key="people_search").set_value("AMIR").run()
    assert [button.label for button in app.button if button.key.startswith("person_")] == ["Dr amir · amir"]
    press(app, "Dr amir · amir")
    next(box for box in app.selectbox if box.label == "Role").set_value(Role.RESEARCHER)
    press(app, "Change the role")
    assert authenticate(house, "amir", PASSWORD).role is Role.DOCTOR
    press(app.run(), "Leave it as it is")
    assert authenticate(house, "amir", PASSWORD).role is Role.DOCTOR
    press(app, "Deactivate")
    app.button(key="question_yes").click().run()
    assert "cannot sign in any more" in app.success[0].value
    assert "Open again" in [button.label for button in app.button]
    assert not find_accounts(house, admin[0], "amir")[0].user.active


def test_one_administrator_lets_another_see_images_and_ends_it(house, admin):
    create_user(house, admin[0], UserCreate(username="deputy", full_name="Deputy", role=Role.ADMIN), PASSWORD)
    deputy = with_second_factor(house, "deputy")
    other = come_in_with_code(entrance(), deputy)
    with pytest.raises(ValueError, match="registered"):
        other.switch_page("pages/history.py")

    app = come_in_with_code(entrance(), admin)
    app.switch_page("pages/admin.py").run()
    press(app, "Deputy · deputy")
    press(app, "Let see images")
    app.button(key="question_yes").click().run()
    assert "can see images for 8 hours" in app.success[0].value
    assert "may see images until" in app.table[0].value.to_string()
    assert "You may see images" in text(other.run())
    other.switch_page("pages/history.py").run()
    assert not other.exception
    assert other.title[0].value == "Where is that study?"

    press(app, "End the right to see images")
    app.button(key="question_yes").click().run()
    other.run()
    assert other.title[0].value != "Where is that study?"
    press(app, "All people")
    press(app, "Chief Administrator · chief")
    assert "Let see images" not in [button.label for button in app.button]


def test_a_session_that_a_code_may_not_open_is_refused_in_words(house, admin, monkeypatch):
    def changed(*_):
        raise NotAllowed("Your password has changed since you signed in. Sign in again.")

    monkeypatch.setattr(people, "open_session", changed)
    app = come_in_with_code(entrance(), admin)
    assert [error.value for error in app.error] == ["Your password has changed since you signed in. Sign in again."]
    assert app.text_input(key="signin_code") is not None


def test_the_own_account_page(house, admin):
    create_user(house, admin[0], UserCreate(username="amir", full_name="Dr Amir", role=Role.DOCTOR), PASSWORD)
    other = come_in(entrance(), "amir")
    app = come_in(entrance(), "amir").switch_page("pages/account.py").run()
    next(field for field in app.text_input if field.label == "Full name").set_value("Dr Amir Rahimi")
    assert "saved" in press(app, "Save").success[0].value
    app.segmented_control[0].set_value("Password").run()
    for field, words in zip(
        app.text_input, (PASSWORD, "five words that do fit", "five words that do fit"), strict=True
    ):
        field.set_value(words)
    assert "changed" in press(app, "Change the password").success[0].value
    assert "signin_name" in {field.key for field in other.run().text_input}
    app.segmented_control[0].set_value("Sessions").run()
    assert "this one" in text(app)
    app.segmented_control[0].set_value("My data").run()
    assert not app.exception
    app.segmented_control[0].set_value("Second factor").run()
    assert "Scan this" in text(app)


def test_a_closed_account_is_told_what_a_wrong_password_is(house, admin):
    invite(house, admin[0], UserCreate(username="late", full_name="Late", role=Role.DOCTOR))
    for name in ("late", "nobody"):
        assert "wrong" in come_in(entrance(), name).error[0].value
