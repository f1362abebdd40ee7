"""Scores as they are kept beside a version: written, read, chosen from and joined."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from services.errors import ModelDamaged
from services.inference.scores import Scores, joined, read_scores


def some(count: int, part: str) -> Scores:
    rng = np.random.default_rng(count)
    text = {
        field.name: np.array([f"{field.name} {part} {index} é" for index in range(count)])
        for field in fields(Scores)
        if field.name not in ("logits", "sharpness")
    }
    return Scores(
        logits=rng.normal(size=(count, 4)).astype(np.float32), sharpness=rng.random(count).astype(np.float32), **text
    )


def same(one: Scores, other: Scores) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Scores))


def test_what_was_written_is_read(tmp_path):
    scores = some(5, "val")
    with (tmp_path / "scores.npz").open("wb") as file:
        scores.write(file)
    assert same(read_scores(tmp_path / "scores.npz"), scores)


def test_parts_are_chosen_and_joined():
    both = joined([some(3, "val"), some(2, "test")])
    assert len(both) == 5
    assert same(both.take([3, 4]), some(2, "test"))
    assert same(both.take(np.array([True, True, True, False, False])), some(3, "val"))


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04cut"])
def test_a_file_that_is_none_is_a_sentence(tmp_path, content):
    path = tmp_path / "scores.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelDamaged, match="register the model again"):
        read_scores(path)
