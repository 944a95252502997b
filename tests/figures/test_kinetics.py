"""Figures of kinetics: their files, sizes, fonts and data, for the three kinds of codes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

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
from figures.artists import Pictures, draw_into, error_bars, lines
from mdllm.core.errors import InputError
from mdllm.figures.draw import draw
from mdllm.figures.kinetics.data import load as load_kinetics
from mdllm.figures.registry import KINETIC, TABLES, groups
from mdllm.figures.tables import SystemTables, Tables
from mdllm.page.sections.kinetics import build as build_section

pytestmark = pytest.mark.slow  # three systems are analyzed first
SYSTEMS = {"four_states": four_states(), "psi": psi_bins(), "centers": many_centers()}
# Enough for a picture of every kind.
FEW = SETTINGS.model_copy(update={"lags": [1, 5, 20], "posterior_samples": 5})
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
            inputs = replace(inputs, exact=write_exact(folder / "exact", chain, FEW.lags))
        folders[variant] = analyze(inputs, folder / variant / "results", FEW, variant=variant, about=ABOUT)
    return folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, dict[str, Path]]:
    return {name: results(tmp_path_factory.mktemp(name), name) for name in SYSTEMS}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, folders) -> dict[str, Pictures]:
    """Of one system in files as well."""
    places = {name: tmp_path_factory.mktemp(name) for name in SYSTEMS}
    return {n: draw_into(place, draw_kinetics, folders[n], written=n == "psi") for n, place in places.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_at_most_two_columns_wide_and_keeps_its_text(drawn, name):
    folder = drawn["psi"].folder
    with Image.open(folder / f"{name}.png") as image:
        assert image.width / 300 * 25.4 <= 183.2
    assert all(pictures.figures[name].get_figwidth() * 25.4 <= 183.2 for pictures in drawn.values())
    content = (folder / f"{name}.pdf").read_bytes()
    assert not any(word in content for word in (b"/FontType 3", b"CreationDate"))
    assert len(pd.read_csv(folder / f"{name}.csv"))


def test_the_same_tables_give_the_same_bytes(drawn, folders, tmp_path):
    draw_kinetics(folders["psi"], tmp_path)
    assert {file.name for file in tmp_path.iterdir()} >= {"mfpt_table.csv", "mfpt_table.md"}
    for file in tmp_path.iterdir():
        assert (drawn["psi"].folder / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_is_about_and_is_readable(drawn, system, name):
    assert {ABOUT, "nano-GPT", "slow", "Markov model"} <= set(drawn[system].words(name))
    assert min(size for _, size in drawn[system].texts(name)) >= 6


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
        ("psi", "committor", "probability of beta before alpha"),
        ("psi", "committor", "ψ of each code, in the order of MD"),
    ],
)
def test_axes_say_what_and_in_which_unit(drawn, system, name, label):
    assert label in drawn[system].words(name)


def test_axes_count_frames_where_the_time_between_them_is_unknown(tmp_path, folders):
    unknown = {}
    for variant, folder in folders["psi"].items():
        unknown[variant] = tmp_path / variant
        shutil.copytree(folder, unknown[variant])
        file = next(unknown[variant].rglob("description.json"))
        file.write_text(json.dumps(json.loads(file.read_text()) | {"time_unit": "frames"}))
    (tmp_path / "drawn").mkdir()
    pictures = draw_into(tmp_path / "drawn", draw_kinetics, unknown, written=False)
    for name, label in (
        ("timescales", "implied timescale (frames)"),
        ("mfpt_lag", "MFPT (frames)"),
        ("mfpt", "mean first passage time (frames)"),
        ("transitions", "transitions / 1000 frames"),
        ("chapman_kolmogorov", "time (frames)"),
    ):
        assert label in pictures.words(name)
    assert "passage times in frames" in (tmp_path / "drawn" / "mfpt_table.md").read_text()


def test_all_variants_stand_over_one_reference(folders):
    kinetics = load(folders["four_states"])
    assert list(kinetics.looks) == ["exact", "md", "nanogpt", "slow", "markov"]
    assert len({(look.color, look.marker) for look in kinetics.looks.values()}) == 5
    assert kinetics.mfpt["source"].value_counts()["exact"] == 12 * (1 + len(FEW.lags))
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


def look(kinetics, source):
    return kinetics.looks[source].color


def rows(table, **equal):
    """Rows of a table in which columns have these values."""
    return table[np.logical_and.reduce([table[column] == value for column, value in equal.items()])]


def panel_of(figure, title):
    """The panel of this title."""
    (ax,) = [ax for ax in figure.axes if ax.get_title() == title]
    return ax


@pytest.mark.parametrize("source", ["md", "nanogpt", "slow", "markov"])
def test_passage_times_are_drawn_with_their_errors_and_over_the_reference(folders, drawn, source):
    kinetics = load(folders["four_states"])
    times, ratios = drawn["four_states"].figures["mfpt"].axes
    direct = rows(kinetics.mfpt, source=source, method="direct").set_index(["start", "end"]).loc[kinetics.pairs]
    exact = rows(kinetics.mfpt, source="exact", method="exact").set_index(["start", "end"]).loc[kinetics.pairs]
    assert [text.get_text() for text in times.get_yticklabels()] == [" → ".join(pair) for pair in kinetics.pairs]
    shown, over = error_bars(times, look(kinetics, source)), error_bars(ratios, look(kinetics, source))
    np.testing.assert_allclose(shown.x, direct["mfpt_ps"])
    np.testing.assert_allclose(shown.xerr, direct["standard_error"])
    np.testing.assert_array_equal(shown.y.round(), np.arange(12))
    np.testing.assert_allclose(over.x, direct["mfpt_ps"] / exact["mfpt_ps"])
    np.testing.assert_allclose(over.xerr, direct["standard_error"] / exact["mfpt_ps"])
    (marks,) = lines(times, look(kinetics, "exact"))
    np.testing.assert_allclose(marks, np.c_[exact["mfpt_ps"], np.arange(12)])


def test_the_error_of_a_reference_that_has_one_is_the_grey_bar(folders, drawn):
    kinetics = load(folders["psi"])
    _, ratios = drawn["psi"].figures["mfpt"].axes
    md = rows(kinetics.mfpt, source="md", method="direct").set_index(["start", "end"]).loc[kinetics.pairs]
    factor = 1 + md["standard_error"] / md["mfpt_ps"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ratios.patches]
    np.testing.assert_allclose(bars, np.c_[1 / factor, factor])


@pytest.mark.parametrize("source", ["md", "nanogpt", "markov"])
def test_passage_times_of_markov_models_lie_over_their_lag(folders, drawn, source):
    kinetics = load(folders["four_states"])
    for start, end in kinetics.pairs:
        ax = panel_of(drawn["four_states"].figures["mfpt_lag"], f"{start} → {end}")
        own = rows(kinetics.mfpt, source=source, start=start, end=end)
        lag = rows(own, method="msm").sort_values("lag_ps")
        line, point = lines(ax, look(kinetics, source))
        np.testing.assert_allclose(line, lag[["lag_ps", "mfpt_ps"]])
        np.testing.assert_allclose(point[:, 1], rows(own, method="direct")["mfpt_ps"])
        np.testing.assert_allclose(
            error_bars(ax, look(kinetics, source)).yerr, rows(own, method="direct")["standard_error"]
        )


@pytest.mark.parametrize("source", ["exact", "md", "slow"])
def test_timescales_lie_over_their_lag(folders, drawn, source):
    kinetics = load(folders["four_states"])
    for process in (1, 2, 3):
        ax = panel_of(drawn["four_states"].figures["timescales"], f"process {process}")
        own = rows(kinetics.timescales, source=source, process=process).dropna(subset="lag_ps").sort_values("lag_ps")
        np.testing.assert_allclose(lines(ax, look(kinetics, source), marked=True)[0], own[["lag_ps", "timescale_ps"]])
        exact = rows(kinetics.timescales, method="exact", process=process)["timescale_ps"].item()
        assert any(np.allclose(line[:, 1], exact) for line in lines(ax, "black", marked=False))


@pytest.mark.parametrize("source", ["md", "nanogpt"])
def test_transitions_lie_over_their_commit_time(folders, drawn, source):
    kinetics = load(folders["four_states"])
    for start, end in kinetics.pairs:
        ax = panel_of(drawn["four_states"].figures["transitions"], f"{start} → {end}")
        own = rows(kinetics.transitions, source=source, start=start, end=end)
        own = own[own["count"] > 0]
        shown = error_bars(ax, look(kinetics, source))
        np.testing.assert_allclose(np.c_[shown.x, shown.y], own[["commit_ps", "per_ns"]])
        np.testing.assert_allclose(shown.yerr, own["standard_error"])


@pytest.mark.parametrize("source", ["md", "nanogpt"])
def test_the_chapman_kolmogorov_test_shows_prediction_and_count(folders, drawn, source):
    kinetics = load(folders["four_states"])
    for start in "ABCD":
        for end in "ABCD":
            ax = panel_of(drawn["four_states"].figures["chapman_kolmogorov"], f"{start} → {end}")
            own = rows(kinetics.chapman_kolmogorov, source=source, start=start, end=end)
            (line,) = lines(ax, look(kinetics, source), marked=False)
            shown = error_bars(ax, look(kinetics, source))
            np.testing.assert_allclose(line, own[["lag_ps", "predicted"]])
            np.testing.assert_allclose(np.c_[shown.x, shown.y], own[["lag_ps", "estimated"]])
            np.testing.assert_allclose(shown.yerr, own["standard_error"])


@pytest.mark.parametrize("source", ["md", "nanogpt"])
def test_committors_stand_in_the_order_of_md_between_the_states(folders, drawn, source):
    kinetics = load(folders["psi"])
    table = kinetics.committor[kinetics.committor["state"] == "none"]
    order = rows(table, source="md", method="direct").sort_values(["committor", "code"])["code"]
    own = rows(table, source=source, method="direct").set_index("code").loc[order]
    (ax,) = drawn["psi"].figures["committor"].axes
    shown = error_bars(ax, look(kinetics, source))
    at = np.argsort(shown.x)
    np.testing.assert_allclose(np.round(shown.x[at]), range(len(order)))
    np.testing.assert_allclose(shown.y[at], own["committor"])
    np.testing.assert_allclose(shown.yerr[at], own["standard_error"])


def test_populations_and_free_energies_of_states(folders, drawn):
    kinetics = load(folders["four_states"])
    population, energy = drawn["four_states"].figures["free_energy"].axes
    states = rows(kinetics.populations, level="state")
    lowest = (-np.log(rows(states, source="exact")["population"])).min()
    for source in ("md", "nanogpt", "markov"):
        own = rows(states, source=source).set_index("name").loc[list("ABCD")]
        shown = error_bars(population, look(kinetics, source))
        np.testing.assert_allclose(shown.y, own["population"])
        np.testing.assert_allclose(shown.yerr, own["standard_error"])
        np.testing.assert_allclose(error_bars(energy, look(kinetics, source)).y, -np.log(own["population"]) - lowest)
    exact = [segment[0, 1] for segment in population.collections[0].get_segments()]
    np.testing.assert_allclose(exact, rows(states, source="exact").set_index("name").loc[list("ABCD"), "population"])


def test_free_energies_along_a_variable_and_their_difference(folders, drawn):
    kinetics = load(folders["psi"])
    energy, difference = drawn["psi"].figures["free_energy"].axes
    codes = rows(kinetics.populations, level="code")
    md, own = (rows(codes, source=source).sort_values("psi_rad") for source in ("md", "slow"))
    shown = error_bars(energy, look(kinetics, "slow"))
    np.testing.assert_allclose(shown.x, own["psi_rad"])
    reference = -np.log(md["population"].to_numpy())
    np.testing.assert_allclose(shown.y, -np.log(own["population"].where(own["population"] > 0)) - reference.min())
    shift = error_bars(difference, look(kinetics, "slow"))
    np.testing.assert_allclose(shift.y, -np.log(own["population"].where(own["population"] > 0)) - reference)


def test_free_energies_of_many_codes_have_the_reference_along_x(folders, drawn):
    kinetics = load(folders["centers"])
    codes = rows(kinetics.populations, level="code")
    md, own = (rows(codes, source=source).set_index("code")["population"] for source in ("md", "slow"))
    ax = panel_of(drawn["centers"].figures["free_energy"], "slow")
    shown = error_bars(ax, look(kinetics, "slow"))
    lowest = (-np.log(md[md > 0])).min()
    np.testing.assert_allclose(shown.x, -np.log(md.where(md > 0)) - lowest)
    np.testing.assert_allclose(shown.y, -np.log(own.where(own > 0)) - lowest)


def test_the_page_has_the_committors_of_every_model_between_the_states(folders):
    tables = {variant: Tables(paths(output)) for variant, output in folders["psi"].items()}
    charts = {block.caption: block for block in build_section(SystemTables(tables)) if block.kind == "chart"}
    (caption,) = (text for text in charts if text.startswith("Committor of the codes that are in neither state"))
    assert caption.endswith("the probability to reach beta before alpha.")
    shown = charts[caption].numbers.frame.set_index("code")
    for variant, label in (("nanogpt", "nano-GPT"), ("markov", "Markov model")):
        own = rows(tables[variant].committor, source="model", method="direct").set_index("code")["committor"].dropna()
        own = own.reindex(shown.index)
        np.testing.assert_allclose(shown[label], own, atol=1e-4)
    assert shown["MD"].is_monotonic_increasing
    assert not set(rows(tables["nanogpt"].committor, state="alpha")["code"]) & set(shown.index)
