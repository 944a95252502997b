"""What the figures of motion show, against the tables that they are drawn from."""

import numpy as np
import pandas as pd
import pytest

from figures.artists import draw_into, lines
from mdllm.analysis.dynamics.properties import PAIR_PROPERTIES, RESIDUE_PROPERTIES
from mdllm.core.records import write_npz
from mdllm.figures import properties, style
from mdllm.figures.tables import Tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables(table_paths) -> Tables:
    return Tables(table_paths)


def test_fluctuation_along_the_sequence_is_that_of_each_source(pictures, tables):
    ax, table = pictures.figures["dynamics"].axes[0], tables.motion_of_residues
    rmsf = table[table["property"] == "rmsf_nm"]
    for source, color in (("model", style.LOOKS["model"].color), ("frequencies", style.LOOKS["frequencies"].color)):
        (found,) = lines(ax, color)
        np.testing.assert_allclose(found[:, 1], rmsf.loc[rmsf["source"] == source, "value"])


@pytest.mark.parametrize(("panel", "name"), [(2, "contacts"), (3, "correlation")])
def test_maps_have_md_above_and_the_model_below(pictures, tables, panel, name):
    shown = np.asarray(pictures.figures["dynamics"].axes[panel].images[0].get_array())
    pairs = tables.motion_of_pairs
    above, below = np.triu_indices(20, 1), np.tril_indices(20, -1)
    np.testing.assert_allclose(shown[above], pairs[f"md_{name}"][above])
    np.testing.assert_allclose(shown[below], pairs[f"model_{name}"][below])
    assert np.abs(shown[above] - shown.T[above]).max() > 0.01


def test_properties_are_drawn_also_where_the_surface_was_not_measured(table_paths, tmp_path):
    rng, size = np.random.default_rng(0), 12
    values = {entry.name: rng.uniform(size=size) for entry in RESIDUE_PROPERTIES}
    values |= {"sasa_mean_nm2": np.full(size, np.nan), "sasa_std_nm2": np.full(size, np.nan)}
    names = pd.DataFrame({"residue": np.arange(size) + 1, "chain": "A", "resid": np.arange(size) + 5, "resname": "ALA"})
    parts = [names.assign(property=name, unit="1", value=own, standard_error=0.1) for name, own in values.items()]
    pd.concat(parts).to_csv(tmp_path / "residues.csv", index=False)
    pair = rng.uniform(size=(size, size, len(PAIR_PROPERTIES)))
    write_npz(tmp_path / "properties.npz", pair=pair, pair_names=np.array([entry.name for entry in PAIR_PROPERTIES]))
    given = {"properties_of_residues": tmp_path / "residues.csv", "properties_of_pairs": tmp_path / "properties.npz"}
    drawn = draw_into(tmp_path / "properties", properties.draw, Tables({**table_paths, **given}))
    figure = drawn.figures["properties"]
    assert "no hydrogens" in figure.axes[1].texts[0].get_text()
    (found,) = lines(figure.axes[0], "#12436D")
    np.testing.assert_allclose(found[:, 1], values["rmsf_nm"])
    data = pd.read_csv(tmp_path / "properties.csv", low_memory=False)
    assert set(data["panel"]) == {"residues", "contacts", "correlation"}
