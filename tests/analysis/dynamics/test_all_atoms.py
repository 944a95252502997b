"""Properties of MD with all atoms, from raw frames to tables, and where the workflow asks for them."""

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.dynamics.all_atoms import PropertyInputs, properties_of_md
from mdllm.analysis.dynamics.properties import RESIDUE_PROPERTIES
from mdllm.config.settings.dynamics import PropertySettings
from mdllm.config.settings.stages import StageSettings
from mdllm.config.systems import Variant
from mdllm.core.errors import InputError
from mdllm.core.records import read_npz, write_json

FRAMES = 60


@pytest.fixture(scope="module")
def measured(tmp_path_factory, trp_cage_prepared, trp_cage_files):
    folder = tmp_path_factory.mktemp("properties")
    topology, trajectory = trp_cage_files
    sources = {"topology": {"path": str(topology)}, "trajectories": [{"path": str(trajectory), "frames": 4999}]}
    write_json(folder / "sources.json", sources)
    given = PropertyInputs(
        folder / "sources.json", trp_cage_prepared.topology, trp_cage_prepared.folder / "frames.parquet"
    )
    settings = PropertySettings(frames=FRAMES, blocks=6, sasa_frames=10)
    notes = properties_of_md(given, selection="protein", settings=settings, output=folder / "out")
    return given, folder / "out", notes


def test_tables_hold_what_the_arrays_hold(measured):
    _, folder, notes = measured
    assert notes == {"frames": FRAMES, "clusters": 6, "atoms": 304}
    arrays, residues = read_npz(folder / "properties.npz"), pd.read_csv(folder / "residues.csv")
    assert arrays["residue"].shape == (20, 50)
    assert arrays["pair"].shape == (20, 20, 13)
    wide = residues.pivot_table(index="residue", columns="property", values="value", dropna=False, sort=False)
    assert wide.columns.tolist() == [entry.name for entry in RESIDUE_PROPERTIES]
    np.testing.assert_allclose(wide, arrays["residue"], atol=1e-5)
    pairs = pd.read_csv(folder / "pairs.csv")
    assert pairs["value"].between(1 / FRAMES - 1e-9, 1).all()
    assert (pairs["atom_pairs"] >= pairs["value"] - 1e-6).all()
    row = pairs[(pairs["property"] == "hbbb") & (pairs["first"] == 3) & (pairs["second"] == 7)].iloc[0]
    assert row["value"] == pytest.approx(arrays["pair"][2, 6, 1], abs=1e-6)
    assert row["value"] > 0.5  # the helix of Trp-cage


def test_residues_that_are_not_those_prepared_are_an_error(measured, tmp_path):
    with pytest.raises(InputError, match="has 19 residues in 'protein and not resid 20'"):
        properties_of_md(
            measured[0], selection="protein and not resid 20", settings=PropertySettings(frames=4), output=tmp_path
        )


def test_properties_run_where_frames_are_asked_for_and_once_for_all_variants():
    def variant(**sections):
        return Variant(StageSettings.model_validate(sections))

    assert not variant().runs("properties")
    asked = variant(properties={"frames": 100})
    assert asked.runs("properties")
    assert not variant(properties={"frames": 100}, tokenizer={"name": "bins", "variable": "x"}).runs("properties")
    other = variant(properties={"frames": 100}, tokenizer={"name": "multiscale", "codebook_size": 32})
    assert asked.key("properties") == other.key("properties")
    assert asked.key("properties") != variant(properties={"frames": 50}).key("properties")
