"""The last words of a run: one line for each variant, what was found and where to read on."""

from collections.abc import Iterable
from pathlib import Path

from mdllm.core.records import read_json

PAGE = "report.html"


def closing_lines(results: Path, variants: Iterable[tuple[str, str]], since: float) -> list[str]:
    """Of those (system, variant) whose summary was written after `since`, in seconds of the epoch."""
    lines = []
    for system, variant in variants:
        path = results / system / variant / "summary.json"
        if path.is_file() and path.stat().st_mtime >= since:
            page = results / system / PAGE
            where = page if page.is_file() else path
            lines.append(f"{system}/{variant}: {'; '.join(_found(read_json(path)))}. See {where}")
    return lines


def _found(summary: dict) -> list[str]:
    """What a summary says in words: of states, of new frames, of MD that tested them, of kinetics."""
    words = [
        f"state {name} {entry['verdict']}"
        for name, entry in (summary["discovery"] or {}).items()
        if not entry["training_state"]
    ]
    if summary["novelty"]:
        words.append(summary["novelty"]["verdict"])
    if summary["verification"]:
        words += summary["verification"]["sentences"]
    if summary["kinetics"]:
        words.append(summary["kinetics"]["comparisons"]["model"]["verdict"])
    if not words:
        loss = summary["training"]
        better = "below" if loss["beats_baselines"] else "not below"
        words = [f"validation loss {loss['validation_loss']:.3f} nats per code, {better} its baselines"]
    return words
