"""compare."""

from pages.view import frame

frame.title("compare")
