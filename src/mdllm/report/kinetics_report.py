"""What `make demo-kinetics` prints: of each system the table of passage times, a sentence for each of its models, and
how far each is from the reference beside the nearest one.

``python -m mdllm.report.kinetics_report results/SYSTEM ...``
"""

import argparse
from pathlib import Path

from mdllm.core.records import read_json
from mdllm.report import nearest


def render(folder: Path) -> str:
    """The tables and the verdicts of one system, from `figures/mfpt_table.md` and each `summary.json`."""
    lines = [(folder / "figures" / "mfpt_table.md").read_text()]
    summaries = {path.parent.name: read_json(path) for path in sorted(folder.glob("*/summary.json"))}
    for summary in summaries.values():
        training = summary["training"]
        lines.append(
            f"{summary['variant']}: {summary['comparisons']['model']['verdict']}; {training['validation_loss']:.4f} "
            f"nats per code (persistence {training['baseline_persistence']:.4f}), "
            f"{training['training_seconds']:.0f} s of training"
        )
    return "\n".join([*lines, "", nearest.table(summaries), "", f"Figures: {folder / 'figures'}"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="results of a system")
    print("\n\n".join(map(render, parser.parse_args().folders)))
