"""The house style: nothing that is written lies on anything else."""

import pandas as pd

from mdllm.figures import style


def test_titles_stand_above_panels_of_equal_aspect(tmp_path):
    with style.figure("made with", style.DOUBLE_COLUMN, 2.7, 1, 3, sharey=True) as (figure, axes):
        above = figure.suptitle("one system", x=0.01, ha="left", fontsize=7)
        for ax in axes[0]:
            ax.plot([-0.4, 7.4], [-0.4, 7.4])
            ax.set(xlim=(-0.4, 7.4), ylim=(-0.4, 7.4), aspect="equal", xlabel="free energy (kT), MD")
            ax.set_title("a model", loc="center", pad=3)
        axes[0, 0].set_ylabel("free energy (kT)")
        style.letters(axes)
        style.save(figure, tmp_path / "panels", pd.DataFrame())
        figure.figure.canvas.draw()
        lowest = above.get_window_extent().y0
        highest = max(text.get_window_extent().y1 for ax in axes[0] for text in (ax.title, ax._left_title))
        small_print = figure.figure.subfigs[1].texts[0].get_window_extent().y1
        assert highest < lowest
        assert small_print < min(ax.xaxis.label.get_window_extent().y0 for ax in axes[0])
