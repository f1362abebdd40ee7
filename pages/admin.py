"""admin."""

from pages.view import frame

frame.title("admin")
