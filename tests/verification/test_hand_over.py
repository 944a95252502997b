"""What is handed over: a start that OpenMM continues, and variables that tell states apart."""

import numpy as np
import openmm
import pytest
from openmm import app, unit

from mdllm.core.trajectories import read_backbone
from mdllm.verification.hand_over import hand_over, suggest
from mdllm.verification.judge import read_simulated


def test_suggested_variables_are_those_in_which_the_states_differ(trp_cage_prepared):
    universe, state = trp_cage_prepared.universe(), trp_cage_prepared.frames["state"].to_numpy()
    a, b = (read_backbone(universe, np.flatnonzero(state == name)[::10]) for name in "AB")
    table = suggest(b, a, universe.residues.resids)
    torsions, distances = table[table["type"] != "distance"], table[table["type"] == "distance"]
    first = torsions.iloc[0]
    assert first["residue"] in (10, 11, 13)
    phi11 = torsions[(torsions["type"] == "phi") & (torsions["residue"] == 11)].iloc[0]
    assert np.sign(phi11["state_mean"]) == -1
    assert np.sign(phi11["training_mean"]) == 1
    pair = distances[(distances["residue"] == 11) & (distances["other_residue"] == 15)]
    assert pair["state_mean"].iloc[0] == pytest.approx(0.60, abs=0.02)
    assert pair["training_mean"].iloc[0] == pytest.approx(0.80, abs=0.02)
    assert table["separation"].is_monotonic_decreasing
    assert suggest(a[::2], a[1::2], universe.residues.resids)["separation"].max() < 1


@pytest.mark.slow
def test_production_goes_on_from_what_is_handed_over(undisturbed, trp_cage_prepared, tmp_path):
    job = undisturbed[0]
    training = read_backbone(trp_cage_prepared.universe(), np.arange(0, 4999, 200))
    _, backbone = read_simulated(job.topology, job.trajectory)
    hand_over(job, backbone[-5:], training, tmp_path / "state")
    assert {path.name for path in (tmp_path / "state").iterdir()} == {
        "start.pdb", "system.xml", "state.xml", "variables.csv",
    }  # fmt: skip
    system, state = (
        openmm.XmlSerializer.deserialize((tmp_path / "state" / f"{name}.xml").read_text())
        for name in ("system", "state")
    )
    start = app.PDBFile(str(tmp_path / "state" / "start.pdb"))
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    np.testing.assert_allclose(start.getPositions(asNumpy=True).value_in_unit(unit.nanometer), positions, atol=2e-3)
    simulation = app.Simulation(start.topology, system, openmm.LangevinMiddleIntegrator(300, 1, 0.004))
    simulation.context.setState(state)
    simulation.step(50)
    energy = simulation.context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    assert energy < 0
