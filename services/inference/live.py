"""Which versions serve: promotion after checks, and the way back. A running app follows at its next question."""

from __future__ import annotations

from datetime import UTC, datetime

from services.errors import InferenceError, ModelNotFound
from services.inference.card import Card
from services.inference.engine import load
from services.inference.prediction import ModelRef
from services.inference.repository import Change, ModelRepository, Replacing, Serving
from services.tasks import get_task


def promote(
    repository: ModelRepository,
    ref: ModelRef,
    *,
    default: bool = False,
    forced: str = "",
    replacing: Replacing | None = None,
) -> Serving:
    """Let ``ref`` serve for its network, and with ``default`` answer for its task, once it has passed its checks.

    Its macro-F1 on test must not be below that of the versions whose place it takes, unless ``forced`` says why it may;
    no reason excuses files without their hashes, a network that does not load or a self-test that fails.
    Raises InferenceError with what is wrong; the old version goes on then. A version that serves as asked changes
    nothing. ``replacing`` takes the step that changes what serves; see ModelRepository.changing, here and below.
    """
    task, reason = get_task(ref.task), " ".join(forced.split())
    with repository.changing(replacing) as live:
        serving = live.get(ref.task)
        versions = serving.versions if serving else {}
        old_default = serving.default if serving else None
        new_default = ref.network if default or old_default is None else old_default
        if serving and versions.get(ref.network) == ref.version and new_default == old_default:
            return serving
        if not reason:
            replaced = {ref.network, old_default} if new_default != old_default else {ref.network}
            for network in versions.keys() & replaced:
                _check_figures(repository.card(ref), repository.card(ModelRef(ref.task, network, versions[network])))
        load(repository, ref, task)
        change = Change(
            when=_now(),
            network=ref.network,
            version=ref.version,
            before=versions.get(ref.network),
            default_before=old_default,
            reason=reason,
        )
        live[ref.task] = Serving(
            default=new_default,
            versions={**versions, ref.network: ref.version},
            history=(*(serving.history if serving else ()), change),
            thresholds=serving.thresholds if serving else {},
        )
        return live[ref.task]


def rollback(
    repository: ModelRepository, task_key: str, network: str | None = None, *, replacing: Replacing | None = None
) -> Change:
    """Undo the newest promotion of the task, or of one of its networks, that is not undone yet; repeat to go further.

    What serves then is checked as a promoted version is, but for its figures. Gives the promotion that was undone.
    Raises ModelNotFound where there is none, InferenceError where the earlier version fails its checks.
    """
    task = get_task(task_key)
    with repository.changing(replacing) as live:
        serving = live.get(task_key)
        if serving is None or (index := last_change(serving, network)) is None:
            raise ModelNotFound(
                f"There is nothing to go back to: live.json knows no earlier {network or 'version'} for {task_key}. "
                "Promote the version that you want."
            )
        change = serving.history[index]
        versions = {key: version for key, version in serving.versions.items() if key != change.network}
        if change.before is not None:
            versions[change.network] = change.before
        default = change.default_before if serving.default == change.network else serving.default
        if default not in versions:
            raise ModelNotFound(
                f"Before {change.network} {change.version} the task {task_key} was answered by {default or 'none'}, "
                "which no longer serves. Promote the version that you want."
            )
        checked = change.network if change.network in versions else default
        load(repository, ModelRef(task_key, checked, versions[checked]), task)
        undone = change.model_copy(update={"undone": _now()})
        history = (*serving.history[:index], undone, *serving.history[index + 1 :])
        live[task_key] = serving.model_copy(update={"default": default, "versions": versions, "history": history})
        return undone


def set_threshold(
    repository: ModelRepository, ref: ModelRef, threshold: float, *, replacing: Replacing | None = None
) -> float:
    """Let ``ref`` call its task's positive class from this probability on; gives the threshold before.

    The version's files stay as they are. Raises InferenceError where the task has no such threshold or the value is no
    probability between 0 and 1, ModelNotFound where the version does not serve.
    """
    if get_task(ref.task).detects is None:
        raise InferenceError(f"The task {ref.task} has no detection threshold, so none can be chosen for {ref}.")
    if not 0 < threshold < 1:
        raise InferenceError(f"A threshold lies between 0 and 1, and {threshold:g} does not. Choose another.")
    with repository.changing(replacing) as live:
        serving = live.get(ref.task)
        if serving is None or serving.versions.get(ref.network) != ref.version:
            raise ModelNotFound(f"{ref} does not serve, so its threshold decides nothing. Promote it first.")
        before = repository.threshold(ref)
        chosen = {**serving.thresholds, f"{ref.network}/{ref.version}": round(threshold, 4)}
        live[ref.task] = serving.model_copy(update={"thresholds": chosen})
        return before


def last_change(serving: Serving, network: str | None = None) -> int | None:
    """Where in the history the promotion stands that ``rollback`` would undo; None where there is none."""
    found = [
        index
        for index, change in enumerate(serving.history)
        if change.undone is None and change.default_before is not None and network in (None, change.network)
    ]
    return found[-1] if found else None


def _check_figures(new: Card, old: Card) -> None:
    measured = [f"{card.test.images} test images of {card.test.groups} groups" for card in (new, old)]
    if measured[0] != measured[1]:
        raise InferenceError(
            f"{new.ref} was measured on {measured[0]} and {old.ref}, which serves, on {measured[1]}, so their figures "
            "cannot be compared. Nothing was changed. To let it serve all the same, force it and give the reason."
        )
    found, needed = new.test.macro_f1.value, old.test.macro_f1.value
    # Written so that a figure that is no number is refused too.
    if not found >= needed:
        raise InferenceError(
            f"{new.ref} has a macro-F1 of {found:.4f} on test, below the {needed:.4f} of {old.ref}, which serves. "
            "Nothing was changed. To let it serve all the same, force it and give the reason."
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
