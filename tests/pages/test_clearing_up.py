"""What Streamlit does after every run of a page, while a model is loaded."""

from __future__ import annotations

import gc
import sys

from tensorflow.python.eager import context

from services.records.tables import Role


def test_nothing_that_is_compiled_is_thrown_away(sign_in, monkeypatch):
    """An answer would have to wait until it is compiled again, ten times as long as it takes."""
    cleared = []
    monkeypatch.setattr(context.Context, "clear_kernel_cache", lambda _: cleared.append(True))
    assert "keras" in sys.modules
    sign_in(Role.DOCTOR)
    assert not cleared


def test_what_came_with_tensorflow_is_not_looked_through(sign_in):
    sign_in(Role.DOCTOR)
    assert gc.get_freeze_count() > len(gc.get_objects())
