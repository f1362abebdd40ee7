"""study."""

from pages.view import frame

frame.title("study")
