"""An administrator searches the trail, goes through its pages, and sees whether it is whole."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from pages.view.administration.trail import SIZE
from services.records import audit
from services.records.chain import verify_by_command as verify
from services.records.rights import Origin
from services.records.tables import AuditEvent, Outcome, Role
from tests.pages.conftest import text
from tests.services.records.trail_rows import change, rows


@pytest.fixture
def trail(sign_in):
    app = sign_in(Role.ADMIN)
    app.switch_page("pages/admin.py").run()
    return app.segmented_control[0].set_value("Trail").run()


def press(app, key):
    app = next(button for button in app.button if key in (button.key, button.label)).click().run()
    assert not app.exception
    return app


def lines(app):
    """The numbers of the events on the page, as they stand there."""
    return [int(m.value) for m in app.markdown if m.value.isdigit()]


def test_the_newest_come_first_and_pages_follow_each_other(room, trail):
    store = room.bench.store
    for n in range(2 * SIZE):
        audit.note(store.engine, None, "page.turned", f"test {n}", Outcome.FAILED, origin=Origin("192.0.2.9"))
    app = trail.selectbox(key="trail_outcome").set_value(Outcome.FAILED).run()
    app.text_input(key="trail_object").set_value("test ").run()
    newest = rows(store)[-1].id
    assert lines(app) == list(range(newest, newest - SIZE, -1))
    assert "192\\.0\\.2\\.9" in text(app)
    app = press(app, "trail_older")
    assert lines(app) == list(range(newest - SIZE, newest - 2 * SIZE, -1))
    assert next(button for button in app.button if button.key == "trail_older").disabled
    app = press(app, "trail_newer")
    assert lines(app)[0] == newest
    app.text_input(key="trail_object").set_value("test 7").run()
    assert lines(app) == [newest - 2 * SIZE + 8]
    app.text_input(key="trail_who").set_value("nobody of that name").run()
    assert "No event fits these filters" in text(app)
    assert not app.exception


def test_the_page_says_whether_the_trail_is_whole(room, trail):
    store = room.bench.store
    app = press(trail, "Verify the trail")
    head = verify(store).head
    assert f"{head.count:,} events" in app.success[0].value
    assert app.code[0].value == str(head)
    who = rows(store)[0].who
    try:
        change(store, update(AuditEvent).where(AuditEvent.id == 1).values(who="*somebody*"))
        app.text_input[-1].set_value(str(head))
        app = press(app, "Verify the trail")
        assert "1 faults among" in app.error[0].value
        assert "Event 1 was altered" in text(app)
        assert "\\*somebody\\*" in text(app)
        # It stays until the next look.
        assert app.run().error
    finally:
        change(store, update(AuditEvent).where(AuditEvent.id == 1).values(who=who))
    app.text_input[-1].set_value("seven")
    assert "COUNT:HASH" in press(app, "Verify the trail").error[0].value
