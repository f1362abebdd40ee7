"""patients."""

from pages.view import frame

frame.title("patients")
