"""What `make demo-kinetics` prints: of each system the table of passage times, a sentence for each of its models, and
how far each is from the reference beside the nearest one.
"""

from pathlib import Path

from mdllm.core.records import read_json
from mdllm.report import nearest

_TABLE = Path("figures", "mfpt_table.md")


def reports(folder: Path) -> bool:
    """Whether `folder` holds the results of a system whose kinetics were learned."""
    return (folder / _TABLE).is_file()


def render(folder: Path) -> str:
    """The tables and the verdicts of one system, from `figures/mfpt_table.md` and each `summary.json`."""
    lines = [(folder / _TABLE).read_text()]
    summaries = {path.parent.name: read_json(path) for path in sorted(folder.glob("*/summary.json"))}
    for summary in summaries.values():
        training = summary["training"]
        lines.append(
            f"{summary['variant']}: {summary['comparisons']['model']['verdict']}; {training['validation_loss']:.4f} "
            f"nats per code (persistence {training['baseline_persistence']:.4f}), "
            f"{training['training_seconds']:.0f} s of training"
        )
    return "\n".join([*lines, "", nearest.table(summaries), "", f"Figures: {folder / 'figures'}"])
