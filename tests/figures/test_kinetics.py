"""Figures of kinetics: their files, sizes, fonts and data, for the three kinds of codes."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.chains import sample
from analysis.kinetics_run import (
    SETTINGS,
    analyze,
    four_states,
    lazier,
    many_centers,
    psi_bins,
    write_exact,
    write_inputs,
)
from mdllm.core.errors import InputError
from mdllm.figures import style
from mdllm.figures.draw import draw
from mdllm.figures.kinetics.data import load as load_kinetics
from mdllm.figures.registry import KINETIC, TABLES, groups
from mdllm.figures.tables import Tables

SYSTEMS = {"four_states": four_states(), "psi": psi_bins(), "centers": many_centers()}
FIGURES = [kind.name for kind in groups()["variants_kinetics"]]
ABOUT = "a chain in implicit solvent, 450 K"


def paths(output: Path) -> dict[str, Path]:
    """The tables of one variant, by name."""
    return {name: output / TABLES[name][1] for name in (*KINETIC, "summary")}


def load(folders: dict[str, Path]):
    return load_kinetics({variant: Tables(paths(output)) for variant, output in folders.items()}, "")


def draw_kinetics(folders: dict[str, Path], folder: Path) -> None:
    draw(FIGURES, {variant: paths(output) for variant, output in folders.items()}, folder)


def results(folder: Path, name: str) -> dict[str, Path]:
    """Results of three variants; the four states have exact kinetics, and the last variant makes every fifth frame."""
    chain = SYSTEMS[name]
    made = {
        "nanogpt": (sample(chain.matrix, 20, 200, seed=5), {}),
        "slow": (sample(lazier(chain.matrix, 0.4), 20, 200, seed=6), {}),
        "markov": (sample(np.linalg.matrix_power(chain.matrix, 5), 20, 100, seed=7), {"frames_per_step": 5}),
    }
    folders = {}
    for variant, (codes, training) in made.items():
        inputs = replace(write_inputs(folder / variant, chain, codes, training), md=folder / "md_kinetics")
        if name == "four_states":
            inputs = replace(inputs, exact=write_exact(folder / "exact", chain, SETTINGS.lags))
        folders[variant] = analyze(inputs, folder / variant / "results", variant=variant, about=ABOUT)
    return folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, dict[str, Path]]:
    return {name: results(tmp_path_factory.mktemp(name), name) for name in SYSTEMS}


@dataclass(frozen=True)
class Drawn:
    """The figures of one system.

    Attributes:
        folder: their files.
        texts: every visible text and its size, by figure.
    """

    folder: Path
    texts: dict[str, list[tuple[str, float]]]

    def words(self, name: str) -> list[str]:
        return [text for text, _ in self.texts[name]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, folders) -> dict[str, Drawn]:
    made = {name: Drawn(tmp_path_factory.mktemp(f"drawn_{name}"), {}) for name in SYSTEMS}
    save = style.save
    with pytest.MonkeyPatch.context() as patched:
        for name, figures in made.items():

            def look(upper, stem, data, texts=figures.texts):
                save(upper, stem, data)
                shown = [
                    text
                    for text in upper.figure.findobj(mpl.text.Text)
                    if text.get_text().strip() and text.get_visible()
                ]
                texts[stem.name] = [(text.get_text(), text.get_size()) for text in shown]

            patched.setattr(style, "save", look)
            draw_kinetics(folders[name], figures.folder)
    return made


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_at_most_two_columns_wide_and_keeps_its_text(drawn, system, name):
    with Image.open(drawn[system].folder / f"{name}.png") as image:
        assert image.width / 300 * 25.4 <= 183.2
    content = (drawn[system].folder / f"{name}.pdf").read_bytes()
    assert b"/FontType 3" not in content
    assert b"CreationDate" not in content
    assert len(pd.read_csv(drawn[system].folder / f"{name}.csv"))


def test_the_same_tables_give_the_same_bytes(drawn, folders, tmp_path):
    draw_kinetics(folders["psi"], tmp_path)
    assert {file.name for file in tmp_path.iterdir()} >= {"mfpt_table.csv", "mfpt_table.md"}
    for file in tmp_path.iterdir():
        assert (drawn["psi"].folder / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_is_about_and_is_readable(drawn, system, name):
    assert {ABOUT, "nano-GPT", "slow", "Markov model"} <= set(drawn[system].words(name))
    assert min(size for _, size in drawn[system].texts[name]) >= 6


@pytest.mark.parametrize(
    ("system", "name", "label"),
    [
        ("four_states", "free_energy", "population"),
        ("four_states", "free_energy", "free energy (kT)"),
        ("psi", "free_energy", "ψ (rad)"),
        ("psi", "free_energy", "difference\nfrom MD (kT)"),
        ("centers", "free_energy", "free energy (kT), MD"),
        ("psi", "timescales", "implied timescale (ps)"),
        ("four_states", "timescales", "exact, without a lag"),
        ("four_states", "mfpt", "MFPT relative to exact"),
        ("psi", "mfpt", "alpha → beta"),
        ("psi", "mfpt_lag", "MFPT (ps)"),
        ("psi", "transitions", "transitions / ns"),
        ("psi", "chapman_kolmogorov", "probability"),
    ],
)
def test_axes_say_what_and_in_which_unit(drawn, system, name, label):
    assert label in drawn[system].words(name)


def test_all_variants_stand_over_one_reference(folders):
    kinetics = load(folders["four_states"])
    assert list(kinetics.looks) == ["exact", "md", "nanogpt", "slow", "markov"]
    assert len({(look.color, look.marker) for look in kinetics.looks.values()}) == 5
    assert kinetics.mfpt["source"].value_counts()["exact"] == 12 * (1 + len(SETTINGS.lags))
    assert set(kinetics.transitions["source"]) == {"md", "nanogpt", "slow", "markov"}


def test_no_two_variants_look_alike(tmp_path, folders):
    one = folders["psi"]["nanogpt"]
    kinetics = load(dict.fromkeys(("nanogpt", "lstm", "markov", "a", "b", "c", "d"), one))
    assert len({look.color for look in kinetics.looks.values()}) == len(kinetics.looks) == 8
    with pytest.raises(InputError, match="no more than 4 variants"):
        load(dict.fromkeys("abcde", one))


def test_variants_of_another_codebook_are_refused(folders):
    with pytest.raises(InputError, match="variant 'other': its codes are not those of 'nanogpt'"):
        load({"nanogpt": folders["psi"]["nanogpt"], "other": folders["centers"]["nanogpt"]})


def test_the_table_has_the_numbers_of_the_summaries(drawn, folders):
    table = pd.read_csv(drawn["four_states"].folder / "mfpt_table.csv").set_index(["start", "end"])
    summary = json.loads((folders["four_states"]["nanogpt"] / "summary.json").read_text())
    for row in summary["kinetics"]["comparisons"]["model"]["mfpt_ps"]:
        pair = tuple(row["quantity"].split(" -> "))
        assert table.loc[pair, "nanogpt_mfpt_ps"] == pytest.approx(row["value"])
        assert table.loc[pair, "exact_mfpt_ps"] == pytest.approx(row["reference"])
    lines = (drawn["four_states"].folder / "mfpt_table.md").read_text().splitlines()
    assert lines[0] == ABOUT
    assert lines[2] == "| pair | exact | MD | nano-GPT | slow | Markov model |"
    assert sum(line.startswith("| ") for line in lines) == 2 + 12


def test_a_passage_that_nobody_saw_is_said(folders, drawn):
    """In the large codebook the short rollouts never pass; no point is drawn, and no gap is left in silence."""
    table = load(folders["centers"]).mfpt
    missing = table[(table["method"] == "direct") & table["mfpt_ps"].isna()]
    assert len(missing)
    assert sum("no passage" in text for text in drawn["centers"].words("mfpt")) == len(missing)
    assert "no passage observed." in (drawn["centers"].folder / "mfpt_table.md").read_text()
