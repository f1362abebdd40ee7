"""home."""

from pages.view import frame

frame.title("home")
