"""about."""

from pages.view import frame

frame.title("about")
