"""The catalogue of tasks: one file a task, found here by key."""

from services.errors import ModelNotFound
from services.tasks import brain_tumor_presence, brain_tumor_type, breast_cancer
from services.tasks.task import Task

TASKS: dict[str, Task] = {
    task.key: task for task in (brain_tumor_type.TASK, brain_tumor_presence.TASK, breast_cancer.TASK)
}


def get_task(key: str) -> Task:
    """The task of that key; raises ModelNotFound with the known keys otherwise."""
    try:
        return TASKS[key]
    except KeyError:
        known = ", ".join(sorted(TASKS))
        raise ModelNotFound(f"There is no task named “{key}”. Choose one of: {known}.") from None
