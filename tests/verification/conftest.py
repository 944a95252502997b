"""Simulated proposals that several files look at."""

from pathlib import Path

import numpy as np
import pytest

from mdllm.analysis.discovery.measure import Closeness, TrueFrames, differing_residues, skeleton
from mdllm.analysis.novelty.spans import KnownFrames, sliding_spans
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.core.geometry import pairwise_rmsd
from mdllm.core.trajectories import read_backbone
from mdllm.molecules.reading import open_raw
from mdllm.verification.atoms import RawAtoms
from mdllm.verification.judge import Judge
from mdllm.verification.rebuild import rebuild
from mdllm.verification.run import run_jobs
from verification.proposals import SETTINGS, listed


@pytest.fixture(scope="session")
def heavy_atoms(trp_cage_files, tmp_path_factory) -> Path:
    """Folder of three proposals: a training frame, one whose oxygens lie on carbons, one with a broken chain."""
    raw = open_raw(*map(Path, trp_cage_files))
    known = RawAtoms(raw, "protein", "trp_cage.pdb")
    backbone, positions = known.read(raw.trajectory[700].positions.copy(), raw.trajectory[700].dimensions)
    on_each_other, broken = backbone.copy(), backbone.copy()
    on_each_other[:, 3] = on_each_other[:, 2]
    broken[12:] += 1.0
    folder = tmp_path_factory.mktemp("structures")
    for name, points in {"good": backbone, "oxygens": on_each_other, "broken": broken}.items():
        rebuild(points, known, [(backbone, positions)]).write(folder / f"{name}.pdb")
    return folder


@pytest.fixture(scope="session")
def undisturbed(heavy_atoms, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    chosen = listed(["good"], work)
    run_jobs(chosen, heavy_atoms, SETTINGS, 1)
    return chosen


def true_frames(training, true):
    """Frames of a state, and how close each is to those at least 20 frames away."""
    residues, rows = differing_residues(training, true), np.arange(len(true))
    limits = []
    for part in (residues, slice(None)):
        distance = pairwise_rmsd(skeleton(true[:, part]), skeleton(true[:, part]))
        distance[np.abs(rows[:, None] - rows) <= 20] = np.inf
        limits.append(np.quantile(distance.min(1), 0.95))
    return TrueFrames(skeleton(true), Closeness(residues, *limits))


@pytest.fixture(scope="session")
def world(trp_cage_prepared):
    """Backbones of states A (trained on) and B, and a judge."""
    universe, state = trp_cage_prepared.universe(), trp_cage_prepared.frames["state"].to_numpy()
    a, b = (read_backbone(universe, np.flatnonzero(state == name)) for name in "AB")
    spans = sliding_spans(np.ones(19, bool), 7)
    threshold = Threshold.fit(KnownFrames(a[::4], spans).distances(a[1::4]).measures(), 0.99)
    judge = Judge(
        training=a[::4],
        known=KnownFrames(a[::4], spans),
        true={"B": true_frames(a[::4], b[::4])},
        spans=spans,
        threshold=threshold,
        near=1.5,
        bound=trp_cage_prepared.bound(),
        training_states=["A"],
    )
    return a, b, judge
