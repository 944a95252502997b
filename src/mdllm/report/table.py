"""A short table of what was found: ``mdllm report results/SYSTEM``."""

from pathlib import Path

from mdllm.core.errors import InputError
from mdllm.core.records import read_json

_COLUMNS = ("variant", "trained on", "validation loss", "frequencies", "persistence")
_FOUND = ("variant", "state", "model", "encode→decode", "code frequencies", "verdict")


def render(folder: Path) -> str:
    """Losses and discoveries of every variant of one system, as text.

    Raises:
        InputError: the folder holds no summary.
    """
    summaries = {path.parent.name: read_json(path) for path in sorted(folder.glob("*/summary.json"), reverse=True)}
    if not summaries:
        raise InputError(f"{folder} holds no */summary.json; run the workflow first")
    losses, found = [_COLUMNS], [_FOUND]
    for variant, summary in summaries.items():
        training = summary["training"]
        values = (training[key] for key in ("validation_loss", "baseline_frequencies", "baseline_persistence"))
        losses.append((variant, summary["training_state"], *(f"{value:.3f}" for value in values)))
        for state, entry in summary["discovery"].items():
            shares = (_percent(entry[source]["share"]) for source in ("model", "roundtrip", "frequencies"))
            found.append((variant, state + " *" * entry["training_state"], *shares, entry["verdict"]))
    confidence = next(iter(summaries.values()))["confidence"]
    return "\n".join(
        [
            "Validation loss and its baselines, nats per code:",
            *_align(losses),
            "",
            f"Share of frames in each state (* trained on), with {100 * confidence:g} % interval:",
            *_align(found),
            "",
            "Figures: " + ", ".join(str(folder / variant / "figures") for variant in summaries),
        ]
    )


def _percent(share: dict) -> str:
    value, low, high = (share[key] for key in ("value", "low", "high"))
    interval = "" if low is None else f" ({100 * low:.2f}-{100 * high:.2f})"
    return f"{100 * value:.2f} %{interval}"


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
