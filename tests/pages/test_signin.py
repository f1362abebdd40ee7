"""Coming in and going out."""

from __future__ import annotations

import subprocess
import sys

import pytest
from streamlit.runtime.context import ContextProxy, StreamlitHeaders
from streamlit.testing.v1 import AppTest

from pages.view import acting
from pages.view.signin import PROMISE
from services.records.people import actor_for_token
from services.records.schema import migrate
from services.records.tables import Role
from services.settings import Settings, get_settings
from tests.pages.conftest import PATIENCE, ROOT, enter, submit, text


@pytest.fixture
def door(room, monkeypatch):
    enter(monkeypatch, room.folder)
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()
    get_settings.cache_clear()


def test_the_page_says_what_falx_is_and_offers_the_four_roles(door):
    assert not door.exception
    assert PROMISE in text(door)
    assert [door.button(key=f"role_{role.value}").label for role in Role] == [r.value.capitalize() for r in Role]
    assert "Not a medical device" in text(door)


def test_a_role_button_fills_the_form(door):
    door.button(key="role_researcher").click().run()
    assert [field.value for field in door.text_input] == ["researcher", "demo-researcher-measures"]
    door.text_input[0].set_value("somebody else")
    door.button(key="role_researcher").click().run()
    assert [field.value for field in door.text_input] == ["researcher", "demo-researcher-measures"]


@pytest.mark.parametrize(("name", "password"), [("doctor", "not this one"), ("nobody at all", "demo-doctor-reads")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(door, name, password):
    door.text_input(key="signin_name").set_value(name)
    door.text_input(key="signin_password").set_value(password)
    submit(door).click().run()
    assert [error.value for error in door.error] == ["User name or password is wrong. Check both and try again."]
    assert not door.title or door.title[0].value == "Falx"


def test_an_empty_form_is_no_attempt(door):
    submit(door).click().run()
    assert "Enter your user name" in door.warning[0].value


def test_signing_out_ends_the_session_on_the_server_and_clears_the_page(sign_in):
    app = sign_in(Role.DOCTOR)
    token = app.session_state["username"]
    assert actor_for_token(acting.store(), token).role is Role.DOCTOR
    app.button(key="sign_out").click().run()
    assert actor_for_token(acting.store(), token) is None
    assert PROMISE in text(app)
    assert "falx_actor" not in app.session_state


def test_a_session_that_was_ended_elsewhere_is_out_at_the_next_click(sign_in):
    from services.records.people import close_session

    app = sign_in(Role.DOCTOR)
    close_session(acting.store(), app.session_state["username"])
    app.run()
    assert PROMISE in text(app)
    assert not app.metric


OUTSIDE_DEMO = """
import sys
from streamlit.runtime.context import ContextProxy, StreamlitHeaders
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=120).run()
assert not app.exception, app.exception
words = [e.value for e in (*app.title, *app.markdown, *app.caption, *app.error)]
print("\\n".join(words))
print("BUTTONS", [b.label for b in app.button])
print("LOADED", sorted({"tensorflow", "keras", "cv2", "pydicom"} & set(sys.modules)))
"""


def drawn(folder, **environment: str) -> str:
    import os

    plain = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in {f.upper() for f in Settings.model_fields}
    }
    answer = subprocess.run(
        [sys.executable, "-c", OUTSIDE_DEMO],
        cwd=ROOT,
        env={**plain, "VAR_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout


def test_outside_the_demo_no_account_is_offered_and_the_first_administrator_explained(tmp_path):
    migrate(Settings(var_dir=tmp_path).database)
    words = drawn(tmp_path)
    assert "python -m services.records create-admin" in words
    assert "BUTTONS ['Sign in', 'Register as a patient']" in words
    assert "Demonstration" not in words


def test_the_signin_page_loads_no_model_and_no_image_library(tmp_path):
    migrate(Settings(var_dir=tmp_path).database)
    words = drawn(tmp_path, DEMO="1")
    assert "Researcher" in words
    assert "LOADED []" in words


def test_an_old_database_is_told_in_a_sentence(tmp_path):
    words = drawn(tmp_path)
    assert "python -m services.records migrate" in words
    assert "BUTTONS []" in words


def test_a_page_that_is_asked_for_before_the_router_ran_leads_to_the_signin(room, monkeypatch):
    """A tab that was open on a page while the server started again: Streamlit then runs the page's file by itself."""
    monkeypatch.undo()
    enter(monkeypatch, room.folder)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    app.switch_page("pages/history.py").run()
    assert not app.exception
    assert PROMISE in text(app)
    assert "Where is that study?" not in text(app)
    get_settings.cache_clear()


def test_the_address_behind_a_trusted_proxy_is_noted(room, monkeypatch):
    enter(monkeypatch, room.folder)
    headers = StreamlitHeaders([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9, 192.0.2.5")])
    monkeypatch.setattr(ContextProxy, "headers", property(lambda _: headers))
    assert acting.origin().address == "192.0.2.7"
    monkeypatch.setenv("TRUSTED_PROXIES", "192.0.2.0/24")
    get_settings.cache_clear()
    assert acting.origin().address == "203.0.113.9"
    get_settings.cache_clear()
