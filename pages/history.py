"""history."""

from pages.view import frame

frame.title("history")
