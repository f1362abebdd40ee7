"""The live models' figures as Markdown, from their cards, for README.md and docs/models.md."""

from __future__ import annotations

import re

from services.inference.card import Card
from services.inference.ensemble import map_words
from services.inference.figures import Estimate, Evaluation, PartFigures
from services.inference.findings import Findings, HeatFigures
from services.inference.prediction import ModelRef
from services.inference.repository import ModelRepository
from services.settings import ROOT
from services.tasks import get_task
from services.tasks.task import Task

README, MODELS_PAGE = ROOT / "README.md", ROOT / "docs" / "models.md"


def live_cards() -> list[Card]:
    """The cards of every live version, by task and network."""
    repository = ModelRepository(ROOT / "saved_models")
    return [
        repository.card(repository.live_ref(task, network))
        for task, serving in sorted(repository.live().items())
        for network in sorted(serving.versions)
    ]


def filled(page: str, block: str, lines: list[str]) -> str:
    """The text of ``page`` with ``lines`` between its marks ``<!-- block:start -->`` and ``<!-- block:end -->``."""
    marks = re.compile(rf"(<!-- {block}:start -->\n).*?(<!-- {block}:end -->)", re.DOTALL)
    return marks.sub(lambda match: match[1] + "\n".join(lines) + "\n" + match[2], page)


def readme() -> str:
    """README.md with its block of figures written again."""
    return filled(README.read_text(encoding="utf-8"), "figures", _summary())


def models_page() -> str:
    """docs/models.md: every live version's figures in full."""
    repository = ModelRepository(ROOT / "saved_models")
    lines = ["# The shipped models", "", "Written by `make docs` from the files in `saved_models/`.", ""]
    for card in live_cards():
        lines += _full(card) + _extras(repository.evaluation(card.ref))
    for task in sorted(repository.live()):
        lines += _findings(get_task(task), repository, repository.findings(task))
    return "\n".join(lines)


def _summary() -> list[str]:
    lines = [
        "| task | model | test images (groups) | macro-F1 | accuracy | calibration error |",
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
        "Of people the models never saw; 95% intervals over groups of images that may show the same person.",
        "More in [docs/models.md](docs/models.md).",
    ]


def _full(card: Card) -> list[str]:
    task, test = get_task(card.task), card.test
    title = f"## {card.network_title} for {task.title.lower()}, version {card.version}"
    lines = [title, "", f"Started from {card.starting_weights}. {card.terms}", ""]
    counts = "; ".join(
        f"{part}: {sum(found.values())} {task.image}s of {card.data.groups[part]} groups"
        for part, found in card.data.counts.items()
    )
    lines += [f"Data: {', '.join(card.data.corpora)} ({counts}).", ""]
    lines += [
        f"| scored on | {task.image}s (groups) | macro-F1 | accuracy | calibration error |",
        "|---|---|---|---|---|",
    ]
    for part in (card.val, test, *card.breakdown):
        lines.append(
            f"| {part.name} | {part.images} ({part.groups}) | {words(part.macro_f1)} | {words(part.accuracy)} "
            f"| {words(part.calibration_error)} |"
        )
    lines += ["", f"| class on test | {task.image}s | precision | recall | F1 |", "|---|---|---|---|---|"]
    for key, one in test.classes.items():
        figures = f"{words(one.precision)} | {words(one.recall)} | {words(one.f1)}"
        lines.append(f"| {task.class_info(key).name} | {one.images} | {figures} |")
    what = task.looks_for
    lines += ["", f"| {what} against none on test | {task.image}s ({what}s) | AUC | sensitivity | specificity |"]
    lines += ["|---|---|---|---|---|"]
    for seen in card.presence:
        figures = f"{words(seen.auc)} | {words(seen.sensitivity)} | {words(seen.specificity)}"
        lines.append(f"| {seen.name} | {seen.images} ({seen.tumours}) | {figures} |")
    detects = get_task(card.task).detects
    cut = (
        f"From a probability of {card.threshold} on the answer is “{detects.name}”"
        if detects
        else (f"Below a confidence of {card.threshold} the answer is “uncertain”")
    )
    lines += ["", f"{cut}: {card.threshold_reason}.", ""]
    return lines


def _extras(found: Evaluation) -> list[str]:
    """Estimated outlines and the input gate, where the version has them."""
    lines = []
    if found.outlines:
        lines += table(
            ("estimated outlines on", "images", "Dice", "overlaps at all", "likeliest point inside", "clear of none"),
            [
                (row.part, row.images, words(row.dice), words(row.found), words(row.pointing), words(row.clear))
                for row in found.outlines
            ],
        )
    if found.gate:
        lines += table(
            ("input gate on", "pictures", "should be refused", "refused", "by the features"),
            [
                (row.part, row.images, "no" if row.belongs else "yes", words(row.refused), words(row.learnt))
                for row in found.gate
            ],
        )
    return lines


def _findings(task: Task, repository: ModelRepository, found: Findings) -> list[str]:
    """What belongs to several versions of a task: heat maps, comparisons, the published split, cross-validation."""
    lines = []
    for report in found.heat:
        lines += [f"## Where the heat of {report.model} lies", ""]
        lines += ["Val, every method and layer:", "", *_heat(report.val)]
        chosen = map_words(report.chosen_method, report.chosen_layer)
        card = repository.card(ModelRef(*report.model.split("/")))
        served = map_words(card.heat_method, card.heat_layer)
        # Of an ensemble there is one map alone, so val has nothing to choose.
        found_best = f"{chosen}, which val chose" if report.sanity else chosen
        lines += [f"Test, with {found_best}{'' if served == chosen else f'; the version serves with {served}'}:", ""]
        lines += _heat(report.test)
    if found.pairs:
        lines += [f"## Models side by side: {task.title}", ""]
        lines += table(
            ("first", "second", "images", "only first right", "only second right", "p (McNemar)", "difference"),
            [
                (pair.first, pair.second, pair.images, pair.only_first, pair.only_second, f"{pair.p_value:.3g}",
                 words(pair.difference))
                for pair in found.pairs
            ],
        )  # fmt: skip
    if found.published:
        lines += ["## The published split, whose test images are no new patients", ""]
        lines += table(
            ("network", "part of its test images", "images", "accuracy", "in the proportions of the rest",
             *(f"right of {c.name}" for c in task.classes)),
            [
                (one.network_title, name, part.images, words(part.accuracy),
                 "–" if part is not one.seen or one.seen_alike is None else f"{one.seen_alike:.3f}",
                 *(_right(part, c.key) for c in task.classes))
                for one in found.published
                for name, part in one.parts
            ],
        )  # fmt: skip
    if found.crossval:
        lines += [f"## Cross-validation by patient: {task.title}", ""]
        lines += table(
            ("recipe", "tested on", "images", "macro-F1", "accuracy", "calibration error"),
            [
                (one.recipe, part.name, part.images, words(part.macro_f1), words(part.accuracy),
                 words(part.calibration_error))
                for one in found.crossval
                for part in (*one.folds, one.pooled, *one.sources)
            ],
        )  # fmt: skip
    if found.crossval and task.detects:
        lines += table(
            ("recipe", "scored", "number", "AUC", "area under precision and recall", "sensitivity", "specificity"),
            [
                (one.recipe, part.name, part.images, *(
                    words(share) if share else "–"
                    for share in (part.auc, part.pr_auc, part.sensitivity, part.specificity)))
                for one in found.crossval
                for part in one.detecting(task.detects.key, task.image)
            ],
        )  # fmt: skip
    return lines


def _right(part: PartFigures, key: str) -> str:
    """How much of a class is right, and of how many images."""
    found = part.classes.get(key)
    return f"{found.recall.value:.3f} of {found.images}" if found else "–"


def _heat(rows: tuple[HeatFigures, ...]) -> list[str]:
    return table(
        ("part", "method and layer", "images", "pointing", "within 8 px", "base rate", "inside", "outside", "IoU"),
        [
            (row.part, f"{row.method}, {row.layer}", row.images, *map(words, (row.pointing, row.near, row.base_rate)),
             *map(words, (row.inside, row.outside_head, row.iou)))
            for row in rows
        ],
    )  # fmt: skip


def table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    """A Markdown table and an empty line."""
    lines = [heads, ("---",) * len(heads), *rows]
    return [*(f"| {' | '.join(map(str, line))} |" for line in lines), ""]


def words(estimate: Estimate | None) -> str:
    """A figure with its interval, or a dash."""
    return "–" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
