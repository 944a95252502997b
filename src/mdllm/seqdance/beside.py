"""A prediction beside MD of a system: what its backbone shows of motion, and how far both agree.

Axes: F frames, L residues.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr, spearmanr

from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import PAIR_PROPERTIES, RESIDUE_PROPERTIES, columns
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, peptide_bonds
from mdllm.core.sequences import sequence
from mdllm.core.trajectories import open_backbone, read_backbone
from mdllm.seqdance.collection import measure_backbone

logger = logging.getLogger(__name__)
MODES = 20  # of elastic networks that stand beside a prediction, the slowest
_MOST_FRAMES, _APART = 1000, 3
_RMSF, _CORRELATION = columns(RESIDUE_PROPERTIES, "rmsf"), columns(PAIR_PROPERTIES, "correlation")


@dataclass(frozen=True)
class Simulated:
    """MD of one system.

    Attributes:
        sequence: `:` between chains.
        residue: (L, 50), pair: (L, L, 13), NaN what a backbone does not show.
        networks: by name, RMSF (L,) and correlation (L, L) of the elastic networks of its first frame, each with its
            slowest modes; empty where they fall apart.
        frames: how many were measured.
    """

    sequence: str
    residue: np.ndarray
    pair: np.ndarray
    networks: dict[str, tuple[np.ndarray, np.ndarray]]
    frames: int


def read_simulated(frames: Path) -> Simulated:
    """MD of a system: results/SYSTEM/frames, of backbones, at most 1,000 frames evenly spread.

    Raises:
        InputError: the folder does not hold them, or fewer than two frames.
    """
    for name in ("topology.pdb", "trajectory.xtc"):
        if not (frames / name).is_file():
            raise InputError(f"{frames} holds no {name}; give results/SYSTEM/frames of a system of coded residues")
    universe = open_backbone(frames / "topology.pdb", frames / "trajectory.xtc")
    count = len(universe.trajectory)
    if count < 2:
        raise InputError(f"{frames} has {count} frame, which shows no motion")
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_FRAMES)).round().astype(int))
    backbone = read_backbone(universe, chosen)
    residues = universe.residues
    letters = np.array([residue.atoms[0].chainID for residue in residues])
    chain = np.concatenate([[0], np.cumsum(letters[1:] != letters[:-1])])
    bonded = peptide_bonds(backbone).all(0) & (chain[1:] == chain[:-1])
    residue, pair = measure_backbone(backbone, bonded, residues.resnames.astype(str), chain, backbone)
    parts = [sequence(residues.resnames[chain == number]) for number in range(chain.max() + 1)]
    return Simulated(":".join(parts), residue, pair, _networks(backbone[0, :, CA]), len(chosen))


def _networks(ca: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    try:
        found = {"gnm": gaussian_network(ca), "anm": anisotropic_network(ca)}
    except InputError as error:
        logger.warning("no elastic networks beside the prediction: %s", error)
        return {}
    slow = slice(MODES)
    return {name: (np.sqrt(own.msf(slow)), own.correlation(slow)) for name, own in found.items()}


def agreement(residue: np.ndarray, pair: np.ndarray, md: Simulated) -> pd.DataFrame:
    """How far predicted residue (L, 50) and pair (L, L, 13) properties, and elastic networks, agree with MD.

    Returns:
        source (model, gnm, anm), quantity, measure, value: Pearson and Spearman of RMSF along the chain and of the
        correlation of pairs at least three residues apart, and the mean Jensen-Shannon divergence in bits of the shares
        of phi, psi and DSSP, 0 where they are the same.
    """
    above = np.triu_indices(len(residue), _APART)
    sources = {"model": (residue[:, _RMSF][:, 0], pair[..., _CORRELATION][..., 0]), **md.networks}
    rows = []
    for source, (rmsf, correlation) in sources.items():
        for quantity, own, other in (
            ("rmsf", rmsf, md.residue[:, _RMSF][:, 0]),
            ("correlation", correlation[above], md.pair[..., _CORRELATION][..., 0][above]),
        ):
            known = np.isfinite(own) & np.isfinite(other)
            if not known.any():
                continue  # the model was not trained on it
            for measure, function in (("pearson", pearsonr), ("spearman", spearmanr)):
                rows.append((source, quantity, measure, float(function(own[known], other[known]).statistic)))
    for group in ("phi", "psi", "dssp"):
        own, other = (values[:, columns(RESIDUE_PROPERTIES, group)] for values in (residue, md.residue))
        known = np.isfinite(own).all(1) & np.isfinite(other).all(1)
        if not known.any():
            continue
        value = (jensenshannon(own[known], other[known], base=2, axis=1) ** 2).mean()
        rows.append(("model", group, "jensen_shannon", float(value)))
    return pd.DataFrame(rows, columns=["source", "quantity", "measure", "value"])
