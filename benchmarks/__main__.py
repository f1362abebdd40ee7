"""``python -m benchmarks``: measure everything and write docs/performance.md. Takes about a quarter of an hour."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import answers, memory, page, rerun, start, training_step
from benchmarks.measure import Result
from services.settings import ROOT

PAGE = ROOT / "docs" / "performance.md"


def main() -> None:
    """Measure one after the other, so that nothing competes with anything else."""
    parts: list[tuple[str, Callable[[], list[Result]]]] = [
        ("sign-in page", lambda: [start.result()]),
        ("a page's run", lambda: [rerun.result()]),
        ("answers", answers.results),
        ("training step", lambda: [training_step.result()]),
        ("memory", lambda: [memory.result()]),
    ]
    results: list[Result] = []
    for name, measure in parts:
        print(f"measuring: {name}", flush=True)
        found = measure()
        print("\n".join(page.table(found)[2:]), flush=True)
        results += found
    PAGE.write_text(page.page(results), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    missed = [result.name for result in results if not result.met]
    if missed:
        print(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
