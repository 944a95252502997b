"""From raw files on: a dimer without chains to frames, a tetramer to its page, more than 1000 residues to codes.

Frames are of crystal structures that swing rigidly about an axis, wrapped atom by atom into their box.
"""

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest
from MDAnalysis.lib.transformations import rotation_matrix
from MDAnalysisTests.datafiles import DCD, PSF

from mdllm.core.geometry import peptide_bonds
from mdllm.core.records import read_npz
from mdllm.core.trajectories import open_backbone, read_backbone
from project import Project
from raw_files import dimer, wrapped, write_xtc

FRAMES = 12
SMALL = {
    "tokenizer": {"codebook_size": 64, "fit_frames": 20},
    "fidelity": {"training_rmsd_nm": 5, "training_state_kept": 0, "unseen_frames": 10},
    "model": {"layers": 1, "hidden_size": 64, "intermediate_size": 64},
    "language": {"context_frames": 1},
    "training": {"max_steps": 1, "evaluate_every": 1, "batch_size": 1, "validation_windows": 1},
    "rollout": {"frames": 2, "replicas": 2, "batch": 2, "checkpoint_every": 2},
    "redraw": {"null_groups": 2},
    "analysis": {"resamples": 50},
}


def two_chains() -> mda.Universe:
    """36 residues of each chain of 1A28, without chain identifiers."""
    universe = mda.Merge(dimer().select_atoms("backbone and resid 720-755"))
    universe.atoms.chainIDs = ""
    universe.residues.segments = universe.add_Segment(segid="")
    return universe


def four_chains() -> mda.Universe:
    """Two copies of 36 residues of each chain of 1A28, one upon the other: segments K, L, M, N, numbers of 4 digits."""
    part = dimer().select_atoms("(backbone or name CB) and resid 720-755")
    universe = mda.Merge(part, part)
    universe.atoms[len(part) :].translate([0, 0, np.ptp(part.positions[:, 2]) + 3])
    for number, letter in enumerate("KLMN"):
        quarter = universe.residues[36 * number : 36 * number + 36]
        quarter.segments = universe.add_Segment(segid=letter)
        quarter.resids += 1000
        quarter.atoms.chainIDs = letter
    return universe


def long_chain() -> mda.Universe:
    """Five copies of AdK (214 residues), each bonded to the one before: 1070 residues in one chain."""
    one = mda.Merge(mda.Universe(PSF, DCD).select_atoms("backbone"))
    universe = mda.Merge(*[one.atoms] * 5)
    for number in range(1, 5):
        copy = universe.residues[214 * number : 214 * number + 214]
        before = universe.residues[214 * number - 1]
        ca, end = (before.atoms.select_atoms(f"name {name}").positions[0] for name in ("CA", "C"))
        begin = copy.atoms.select_atoms("name N").positions[0]
        copy.atoms.translate(end + 1.33 * (end - ca) / np.linalg.norm(end - ca) - begin)
    universe.residues.resids = np.arange(1, 1071)
    universe.add_TopologyAttr("chainIDs", ["A"] * len(universe.atoms))
    return universe


def swinging(universe: mda.Universe, moving: str) -> np.ndarray:
    """Frames (F, A, 3) in which a part turns about its first atom by up to 0.3 radian and back, with a little noise."""
    points, part = universe.atoms.positions.astype(float), universe.select_atoms(moving).ix
    rng = np.random.default_rng(0)
    frames = np.repeat(points[None], FRAMES, axis=0)
    for number, angle in enumerate(0.3 * np.sin(np.linspace(0, 4 * np.pi, FRAMES))):
        turn = rotation_matrix(angle, [0, 0, 1], points[part[0]])
        frames[number, part] = points[part] @ turn[:3, :3].T + turn[:3, 3]
    return frames + rng.normal(scale=0.02, size=frames.shape)


A, B = ("resid 730 and name CA and chainID A", "resid 730 and name CA and chainID B")
SIDE_CHAIN = {"type": "distance", "a": "resid 1730 and name CB and segid K", "b": "resid 1750 and name CA and segid K"}
K, M = ("resid 1730 and name CA and segid K", "resid 1730 and name CA and segid M")


@pytest.mark.parametrize(
    ("make", "moving", "variable", "chains"),
    [
        (two_chains, "index 144:287", {A: "index 0:143 and resid 730", B: "index 144:287 and resid 730"}, "AB"),
        (four_chains, "chainID M N", {K: K, M: M}, "KLMN"),
        (
            long_chain,
            "resid 501-1070",
            {"resid 10 and name CA": "resid 10", "resid 1060 and name CA": "resid 1060"},
            "A",
        ),
    ],
    ids=["dimer", "tetramer", "long chain"],
)
def test_what_is_made_has_the_chains_and_numbers_of_the_raw_files(tmp_path, make, moving, variable, chains):
    """`variable` has the selections of a distance, and what they select in the raw file."""
    universe, (a, b) = make(), variable
    frames = swinging(universe, moving)
    box = [*(np.ptp(frames.reshape(-1, 3), axis=0) + 60), 90, 90, 90]
    universe.atoms.write(str(tmp_path / "system.pdb"))
    write_xtc(tmp_path / "run.xtc", wrapped(frames - frames.mean((0, 1)), box), box, times=10.0 * np.arange(FRAMES))
    system = {
        "description": "a complex",
        "source": {"type": "files", "topology": "../system.pdb", "trajectories": ["../run.xtc"]},
        "collective_variables": {"d": {"type": "distance", "a": a, "b": b}, "g": {"type": "radius_of_gyration"}}
        | ({"side": SIDE_CHAIN} if make is four_chains else {}),
        "states": {"all": {"d": [0, 100]}},
        "training_set": {"state": "all"},
        "plane": ["d", "g"],
    }
    if make is long_chain:
        system["stages"] = {"rollout": {"frames": 1}}
    project = Project(tmp_path / "project", tmp_path / "cache", SMALL, {"large": system})
    # One goes to a figure and to the page, which tells chains apart; the null of a thousand residues takes a minute.
    last = {
        two_chains: ["frames/topology.pdb"],
        four_chains: ["main/figures/dynamics.png", "report.html"],
        long_chain: ["main/rollout/codes.npz"],
    }
    project.run(*(f"results/large/{path}" for path in last[make]))
    results = project.folder / "results" / "large"
    files = [(results / "frames" / "topology.pdb", results / "frames" / "trajectory.xtc")]
    if make is long_chain:
        assert read_npz(results / "main" / "rollout" / "codes.npz")["codes"].shape == (2, 1, 1070)
    if make is four_chains:
        files += [(results / "main" / "ensemble" / "topology.pdb", results / "main" / "ensemble" / "ensemble.xtc")]
    for topology, trajectory in files:
        kept = open_backbone(topology, trajectory)
        assert "".join(dict.fromkeys(kept.atoms.chainIDs)) == chains
        assert kept.residues.resids.tolist() == universe.residues.resids.tolist()
        assert kept.residues.resnames.tolist() == universe.residues.resnames.tolist()
    prepared = read_backbone(open_backbone(results / "frames" / "topology.pdb", results / "frames" / "trajectory.xtc"))
    assert (~peptide_bonds(prepared)).sum(axis=1).tolist() == [len(chains) - 1] * FRAMES
    table = pd.read_parquet(results / "frames" / "frames.parquet")
    rows = [universe.select_atoms(f"name CA and {selection}")[0].ix for selection in variable.values()]
    expected = np.linalg.norm(frames[:, rows[0]] - frames[:, rows[1]], axis=1) / 10
    np.testing.assert_allclose(table["d_nm"], expected, atol=0.004)
    if make is four_chains:
        assert len(kept.trajectory) == 4
        found = pd.read_parquet(results / "main" / "analysis" / "cvs.parquet").groupby("source")["side_nm"]
        cb, ca = (universe.select_atoms(SIDE_CHAIN[key])[0].ix for key in "ab")
        expected = np.linalg.norm(frames[:, cb] - frames[:, ca], axis=1) / 10
        np.testing.assert_allclose(found.get_group("md"), expected, atol=0.004)
        assert found.get_group("model").isna().all()
