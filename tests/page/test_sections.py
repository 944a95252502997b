"""What single sections of a page say, from small tables."""

import json

import numpy as np
import pandas as pd
import pytest

from mdllm.analysis.dynamics.properties import RESIDUE_PROPERTIES
from mdllm.figures.tables import Tables
from mdllm.page.blocks import Table
from mdllm.page.sections import discovery, dynamics, properties, verification
from page.conftest import tables_of


def charts(blocks) -> list:
    return [block for block in blocks if block.kind == "chart"]


def points(spec: dict) -> pd.DataFrame:
    """All data of a chart."""
    return pd.concat([pd.DataFrame(rows) for rows in spec["datasets"].values()], ignore_index=True)


def test_fluctuation_and_agreement_are_those_of_the_tables(run):
    tables = tables_of(run)
    profile, agreement = charts(dynamics.build(tables))
    shown = profile.numbers.frame
    residues = tables.motion_of_residues.query("property == 'rmsf_nm'")
    for source, label in (("md", "MD, all frames"), ("model", "model"), ("residue_types", "null: residue types")):
        np.testing.assert_allclose(shown[label], residues.loc[residues["source"] == source, "value"])
    assert list(shown["name"][:2]) == ["ASN1", "LEU2"]
    alike = tables.motion_alike.query("headline and reference == 'md'").set_index(["quantity", "source"])["value"]
    found = points(agreement.spec).dropna(subset="alike").set_index(["quantity", "of"])["alike"]
    assert found["RMSF", "model"] == pytest.approx(alike["rmsf", "model"], abs=1e-3)
    assert found["torsions", "halves of MD"] == pytest.approx(1 - alike["torsions", "md_halves"], abs=1e-3)


def test_properties_are_shown_by_class_surface_and_entropy(run, tmp_path):
    size = 6
    values = {entry.name: np.zeros(size) for entry in RESIDUE_PROPERTIES}
    values |= {
        "dssp_H": np.linspace(0, 1, size),
        "sasa_mean_nm2": np.full(size, 0.5),
        "sasa_std_nm2": np.full(size, 0.1),
    }
    values |= {"phi_0": np.full(size, 0.5), "phi_30": np.full(size, 0.5), "psi_60": np.ones(size)}
    names = pd.DataFrame({"residue": np.arange(size) + 1, "chain": "A", "resid": np.arange(size) + 5, "resname": "ALA"})
    parts = [names.assign(property=name, unit="1", value=own, standard_error=0.1) for name, own in values.items()]
    pd.concat(parts).to_csv(tmp_path / "residues.csv", index=False)
    classes, surface, entropy = charts(properties.build(Tables({"properties_of_residues": tmp_path / "residues.csv"})))
    helix = points(classes.spec).set_index("name")["value"]
    assert helix.to_dict() == {f"ALA{5 + place}": pytest.approx(place / 5) for place in range(1, size)}
    assert set(points(surface.spec)["high"]) == {0.6}
    bits = entropy.numbers.frame
    assert (bits["φ"] == 1).all()
    assert (bits["ψ"] == 0).all()


def test_a_state_that_nothing_finds_has_words_and_no_chart(run, tmp_path):
    tables = tables_of(run)
    table = tables.discovery
    table.loc[table["state"] == "B", ["share_found", "share_found_low", "share_found_high"]] = 0.0
    blocks = discovery.build(tables)
    assert [block.description.partition(" is")[0] for block in charts(blocks)] == ["Share of frames in which state A"]
    assert [line.split(" ", 2)[1] for line in blocks[0].lines] == ["A", "B"]


ENDS = {
    ("model_cluster_1", "cluster", "model", "1"): ["stayed", "returned"],
    ("residue_types_state_B_1", "state", "residue_types", "B_1"): ["B", "fell apart"],
    ("training_1", "training", "training", "1"): ["returned", "returned"],
}


@pytest.fixture
def verified(tmp_path) -> Tables:
    proposals = pd.DataFrame(list(ENDS), columns=["proposal", "kind", "source", "group"])
    rows = [
        {"proposal": name, "replica": number, "where": where}
        for (name, *_), ends in ENDS.items()
        for number, where in enumerate(ends)
    ]
    simulations = pd.DataFrame(rows)
    frames = simulations.merge(pd.DataFrame({"time_ps": [1.0, 2.0]}), how="cross").assign(novelty=1.5)
    proposals.to_csv(tmp_path / "proposals.csv", index=False)
    simulations.to_csv(tmp_path / "simulations.csv", index=False)
    frames.to_parquet(tmp_path / "frames.parquet")
    shares = {f"share_{name}": 0.5 for name in ("returned", "stayed", "reached", "elsewhere", "apart")}
    row = {"proposal": "model_cluster_1", "outcome": "undecided", "replicas": 2, **shares}
    about = {
        "replicas": 2,
        "length_ps": 10.0,
        "simulated_ns": 0.06,
        "force_field": ["a.xml"],
        "solvent": "implicit",
        "side_chains": "of training frames",
        "limit": 1.2,
        "proposals": [{**row, "energy_above_training_kj_mol": 1.0, "drift_nm": 0.1}],
        "states": [
            {"state": "new state 1", "kind": "cluster", "more_often": None, "of": 10, **own}
            for own in (
                {"source": "model", "proposals": 3, "share": 0.3, "low": 0.108, "high": 0.603, "p_model_more": None},
                {"source": "frequencies", "proposals": 0, "share": 0, "low": 0, "high": 0.278, "p_model_more": 0.105},
            )
        ],
        "rounds": [
            {
                "round": number,
                "source": "last_frames",
                "proposals": 2,
                "simulated_ns": 0.02,
                "kept": number,
                "states": 1,
            }
            | {"kept_per_ns": 50.0 * number, "states_per_ns": 50.0}
            for number in (1, 2)
        ],
        "sentences": ["1 of 1 new cluster of the model is undecided"],
    }
    (tmp_path / "summary.json").write_text(json.dumps({"verification": about}))
    names = {"verified": "proposals.csv", "simulations": "simulations.csv", "simulated_frames": "frames.parquet"}
    return Tables({key: tmp_path / name for key, name in {**names, "summary": "summary.json"}.items()})


def test_ends_of_simulations_are_counted_by_kind_and_source(verified):
    ends, way = charts(verification.build(verified))
    counts = ends.numbers.frame.set_index(["of", "end"])["simulations"].to_dict()
    assert counts == {
        ("model: new clusters", "near the proposal"): 1,
        ("model: new clusters", "near training frames"): 1,
        ("null, residue types: frames in B", "state B"): 1,
        ("null, residue types: frames in B", "fell apart"): 1,
        ("MD, training", "near training frames"): 2,
    }
    tables = (block for block in verification.build(verified) if isinstance(block, Table))
    tables = list(tables)
    rounds = next(table for table in tables if table.caption.startswith("What each round"))
    assert rounds.frame["round"].tolist() == [1, 2]
    assert rounds.frame.iloc[1, 1:6].tolist() == ["plain MD", 2, 0.02, 2, 1]
    reached = next(table for table in tables if table.caption.startswith("States"))
    assert reached.frame.to_numpy()[0, :4].tolist() == [
        "new state 1",
        "model, cluster",
        "3 of 10",
        "30.0 % (10.8–60.3)",
    ]
    lines = points(way.spec).dropna(subset="run")
    assert set(lines["run"]) == {"model_cluster_1, replica 0", "model_cluster_1, replica 1"}
    assert set(lines.loc[lines["run"].str.endswith("0"), "end"]) == {"near the proposal"}
