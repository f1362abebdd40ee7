"""analyse."""

from pages.view import frame

frame.title("analyse")
