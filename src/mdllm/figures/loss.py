"""Losses of training and validation in nats per code, beside both baselines."""

from pathlib import Path

from mdllm.figures import style
from mdllm.figures.tables import Tables

_BASELINES = {
    "baseline_frequencies": ("residue-wise frequencies", ":"),
    "baseline_persistence": ("persistence + frequencies", "--"),
}


def draw(tables: Tables, stem: Path) -> None:
    """Write the figure and its data: the training log, with the baselines as columns."""
    log, training = tables.training_log, tables.summary["training"]
    with style.figure(tables.conditions, style.SINGLE_COLUMN, 2.3) as (fig, axes):
        ax = axes[0, 0]
        losses = log.dropna(subset="training_loss")
        look = style.LOOKS["training"]
        ax.plot(losses["step"], losses["training_loss"], color=look.color, lw=0.8, label="training")
        validated = log.dropna(subset="validation_loss")
        look = style.LOOKS["model"]
        ax.plot(
            validated["step"], validated["validation_loss"], color=look.color, marker=look.marker, label="validation"
        )
        ax.plot(
            training["best_step"], training["validation_loss"], marker="o", ms=7, mfc="none", mec="black", ls="",
            label="best step, used",
        )  # fmt: skip
        for key, (label, line) in _BASELINES.items():
            ax.axhline(training[key], color="black", lw=0.8, ls=line, label=f"baseline: {label}")
        ax.set(xlabel="step", ylabel="loss (nats per code)", xlim=(0, None))
        fig.legend(loc="outside lower center", ncols=2)
        style.save(fig, stem, log.assign(**{key: training[key] for key in _BASELINES}))
