"""An entry of the model repository that averages the calibrated answers of others; made from their scores alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from services.inference.calibration import probabilities
from services.inference.card import SELF_TEST, Card, OutlineFacts
from services.inference.ensemble import LAYER, METHOD, mean_logits
from services.inference.figures import Evaluation
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.inference.scores import Scores
from services.tasks import get_task
from training.calibrate import calibrate
from training.corpus import CorpusError
from training.evaluation.report import evaluate
from training.register import publish, self_test_arrays

NETWORK, TITLE = "ensemble", "Ensemble"


def joint_scores(cards: Sequence[Card], scores: Sequence[Scores]) -> Scores:
    """The mean of the members' calibrated probabilities, as logits, for the images that all were measured on.

    Their test images must be the same. Of val those count that no member learnt from: what the member with the least of
    it kept. Raises CorpusError where the test images differ, or one learnt from another's val.
    """
    first = min(scores, key=len)
    wanted = _places(first)
    shares = []
    for card, own in zip(cards, scores, strict=True):
        at = {place: index for index, place in enumerate(_places(own))}
        tests = np.array_equal(own.name[own.part == "test"], first.name[first.part == "test"])
        if not tests or not at.keys() >= set(wanted):
            raise CorpusError(
                f"{card.ref} was not measured on the same val and test images as the others; members of an ensemble "
                "need the same corpora and the same test fold."
            )
        shares.append(probabilities(own.logits[[at[place] for place in wanted]], card.temperature))
    return replace(first, logits=mean_logits(shares))


def _places(scores: Scores) -> list[tuple[str, str, str]]:
    return list(zip(scores.corpus.tolist(), scores.name.tolist(), scores.part.tolist(), strict=True))


def register_ensemble(repository: ModelRepository, members: Sequence[ModelRef]) -> tuple[ModelRef, Evaluation]:
    """A new version that averages ``members``, calibrated on val and measured on test."""
    cards = [repository.verify(ref) for ref in members]
    task = get_task(members[0].task)
    scores = joint_scores(cards, [repository.scores(ref) for ref in members])
    val = scores.part == "val"
    allowed = np.array(
        [[float(key in task.labels[label]) for key in task.class_keys] for label in scores.label], np.float32
    )
    calibration = calibrate(scores.logits[val], allowed[val])
    evaluation = evaluate(task, scores, calibration.temperature, calibration.threshold)
    own = [np.array(card.self_test_probabilities) for card in cards]
    expected = probabilities(mean_logits(own), calibration.temperature)
    cuts = [card.outline.threshold for card in cards if card.outline]
    first = min(cards, key=lambda card: sum(card.data.counts["val"].values()))
    ref = ModelRef(task.key, NETWORK, repository.next_version(task.key, NETWORK))
    card = first.model_copy(
        update={
            "network": NETWORK,
            "network_title": TITLE,
            "version": ref.version,
            "registered": datetime.now(UTC).replace(microsecond=0),
            "members": tuple(str(member) for member in members),
            "temperature": calibration.temperature,
            "threshold": calibration.threshold,
            "threshold_reason": calibration.reason,
            "heat_layer": LAYER,
            "heat_method": METHOD,
            "outline": OutlineFacts(threshold=float(np.mean(cuts))) if cuts else None,
            "starting_weights": "those of its members",
            "terms": " ".join(dict.fromkeys(card.terms for card in cards)),
            "hyperparameters": {k: v for k, v in first.hyperparameters.items() if k in ("val_share", "test_fold")},
            "self_test_probabilities": tuple(tuple(round(float(p), 5) for p in row) for row in expected),
        }
    )
    publish(repository, card, evaluation, scores, {SELF_TEST: self_test_arrays(task)})
    return ref, evaluation
