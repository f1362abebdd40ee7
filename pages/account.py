"""account."""

from pages.view import frame

frame.title("account")
