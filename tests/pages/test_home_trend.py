"""The home page's trend is that of one question, and says where not every study is counted."""

from __future__ import annotations

from pages.view import charts
from services.inference.prediction import Verdict
from services.records import trends
from services.records.counting import MOST_COUNTED
from services.records.tables import Role
from services.tasks import get_task
from tests.pages.conftest import text

TYPE, PRESENCE = get_task("brain_tumor_type"), get_task("brain_tumor_presence")


def test_the_trend_is_that_of_the_chosen_question(sign_in, monkeypatch):
    studies = {TYPE.key: 3, PRESENCE.key: MOST_COUNTED}
    drawn = []

    def by_month(store, actor, task, months):
        return (trends.Month(trends.last_months(1)[0], Verdict.ANSWERED, "notumor", 0.95, studies[task]),)

    monkeypatch.setattr(trends, "asked_tasks", lambda store, actor: (TYPE.key, PRESENCE.key))
    monkeypatch.setattr(trends, "by_month", by_month)
    monkeypatch.setattr(charts, "counts_by", lambda names, series, **_: drawn.append(series))
    app = sign_in(Role.RESEARCHER)
    for task in (TYPE, PRESENCE):
        app.button_group(key="task_trend").set_value(task.key).run()
        assert not app.exception
        names = [name for name, *_ in drawn[-1]]
        assert names == [*(c.name for c in task.classes), "uncertain or refused"]
        totals = {name: sum(numbers) for name, _, numbers in drawn[-1]}
        assert totals[task.class_info("notumor").name] == sum(totals.values()) == studies[task.key]
        assert ("newest 1,000 studies" in text(app)) is (task is PRESENCE)
