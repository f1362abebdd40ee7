"""The live models' figures as Markdown, from their cards, for README.md and docs/models.md."""

from __future__ import annotations

import re

from services.inference.card import Card
from services.inference.figures import Estimate
from services.inference.repository import ModelRepository
from services.settings import ROOT
from services.tasks import get_task

README, MODELS_PAGE = ROOT / "README.md", ROOT / "docs" / "models.md"
BLOCK = re.compile(r"(<!-- figures:start -->\n).*?(<!-- figures:end -->)", re.DOTALL)


def live_cards() -> list[Card]:
    """The cards of every live version, by task and network."""
    repository = ModelRepository(ROOT / "saved_models")
    return [
        repository.card(repository.live_ref(task, network))
        for task, serving in sorted(repository.live().items())
        for network in sorted(serving.versions)
    ]


def readme() -> str:
    """README.md with its block of figures written again."""
    return BLOCK.sub(
        lambda match: match[1] + "\n".join(_summary()) + "\n" + match[2], README.read_text(encoding="utf-8")
    )


def models_page() -> str:
    """docs/models.md: every live version's figures in full."""
    lines = ["# The shipped models", "", "Written by `make docs` from the cards in `saved_models/`.", ""]
    for card in live_cards():
        lines += _full(card)
    return "\n".join(lines)


def _summary() -> list[str]:
    lines = [
        "| task | model | test slices (groups) | macro-F1 | accuracy | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for card in live_cards():
        test = card.test
        lines.append(
            f"| {get_task(card.task).title.lower()} | {card.network_title}, version {card.version} "
            f"| {test.images} ({test.groups}) | {words(test.macro_f1)} | {words(test.accuracy)} "
            f"| {words(test.calibration_error)} |"
        )
    return [
        *lines,
        "",
        "On heads the models never saw; 95% intervals over groups of slices that may show the same head.",
        "More in [docs/models.md](docs/models.md).",
    ]


def _full(card: Card) -> list[str]:
    task, test = get_task(card.task), card.test
    title = f"## {card.network_title} for {task.title.lower()}, version {card.version}"
    lines = [title, "", f"Started from {card.starting_weights}. {card.terms}", ""]
    counts = "; ".join(
        f"{part}: {sum(found.values())} slices of {card.data.groups[part]} groups"
        for part, found in card.data.counts.items()
    )
    lines += [f"Data: {', '.join(card.data.corpora)} ({counts}).", ""]
    lines += ["| scored on | slices (groups) | macro-F1 | accuracy | calibration error |", "|---|---|---|---|---|"]
    for part in (card.val, test, *card.breakdown):
        lines.append(
            f"| {part.name} | {part.images} ({part.groups}) | {words(part.macro_f1)} | {words(part.accuracy)} "
            f"| {words(part.calibration_error)} |"
        )
    lines += ["", "| class on test | slices | precision | recall | F1 |", "|---|---|---|---|---|"]
    for key, one in test.classes.items():
        figures = f"{words(one.precision)} | {words(one.recall)} | {words(one.f1)}"
        lines.append(f"| {task.class_info(key).name} | {one.images} | {figures} |")
    lines += ["", "| tumour against none on test | slices (tumours) | AUC | sensitivity | specificity |"]
    lines += ["|---|---|---|---|---|"]
    for seen in card.presence:
        figures = f"{words(seen.auc)} | {words(seen.sensitivity)} | {words(seen.specificity)}"
        lines.append(f"| {seen.name} | {seen.images} ({seen.tumours}) | {figures} |")
    lines += ["", f"Below a confidence of {card.threshold} the answer is “uncertain”: {card.threshold_reason}.", ""]
    return lines


def words(estimate: Estimate | None) -> str:
    """A figure with its interval, or a dash."""
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
