"""A figure: how a variable is distributed over the generated frames."""

from pathlib import Path

from mdllm.figures.registry import FigureKind

CAPTION = Path(__file__).with_name("end_to_end.rst")
KIND = FigureKind("end_to_end_histogram", "mdllm_plugin.figure:draw", ("cvs",), str(CAPTION))


def draw(tables, stem) -> None:
    from mdllm.figures import style

    shown = tables.cvs.loc[tables.cvs["source"] == "model", ["end_nm"]]
    with style.figure(tables.conditions, style.SINGLE_COLUMN, 1.8) as (fig, axes):
        axes[0, 0].hist(shown["end_nm"], bins=10, color=style.LOOKS["model"].color)
        axes[0, 0].set(xlabel="end-to-end distance (nm)", ylabel="generated frames")
        style.save(fig, stem, shown)
