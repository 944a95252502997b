"""What a user goes on with: of every proposal that MD has kept, a start for production and variables that describe it.

Axes: F frames of the state, T training frames, L residues.
"""

import shutil
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.core.geometry import CA, backbone_torsions
from mdllm.verification.run import Job

_LEAST_SEPARATION = 3  # residues between the ends of a distance
_FEWEST, _SUGGESTED = 0.01, 10  # of a standard deviation, in nm or radian; variables of each kind


def hand_over(job: Job, backbone: np.ndarray, training: np.ndarray, folder: Path) -> None:
    """Write what starts production from the end of a simulation into `folder`.

    `start.pdb`, the last frame with all atoms that are saved; `system.xml` and `state.xml`, the OpenMM system and its
    positions, velocities and box, solvent included; `variables.csv`, see `suggest`.

    Args:
        backbone: (F, L, 4, 3) in nm, frames of the simulation that are in the state.
        training: (T, L, 4, 3) in nm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    universe = mda.Universe(str(job.topology), str(job.trajectory))
    universe.trajectory[-1]
    universe.dimensions = None
    universe.atoms.write(str(folder / "start.pdb"))
    for path in (job.system, job.state):
        shutil.copyfile(path, folder / path.name)
    suggest(backbone, training, np.array(_numbers(universe))).to_csv(folder / "variables.csv", index=False)


def suggest(backbone: np.ndarray, training: np.ndarray, resids: np.ndarray) -> pd.DataFrame:
    """Collective variables that tell a state from the training frames, best first.

    Columns: type (phi, psi, distance), residue, other_residue (of a distance between CA atoms); state_mean,
    training_mean, in nm or radian; separation, the difference of the means in units of the root mean square of both
    standard deviations.

    Args:
        backbone: (F, L, 4, 3), and training (T, L, 4, 3), in nm.
        resids: (L,) residue numbers.
    """
    rows = []
    angles = [backbone_torsions(x.astype(float))[:2] for x in (backbone, training)]
    for name, own, other in zip(("phi", "psi"), *angles, strict=True):
        means, spreads = zip(*(_circular(x) for x in (own, other)), strict=True)
        difference = np.abs(np.angle(np.exp(1j * (means[0] - means[1]))))
        separation = difference / _common(*spreads)
        rows += [
            (name, resids[i], None, means[0][i], means[1][i], separation[i])
            for i in np.flatnonzero(np.isfinite(separation))
        ]
    first, second = np.triu_indices(len(resids), _LEAST_SEPARATION)
    own, other = (np.linalg.norm(x[:, first, CA] - x[:, second, CA], axis=-1) for x in (backbone, training))
    separation = np.abs(own.mean(0) - other.mean(0)) / _common(own.std(0), other.std(0))
    rows += [
        ("distance", resids[first[k]], resids[second[k]], own[:, k].mean(), other[:, k].mean(), separation[k])
        for k in np.argsort(-separation)[:_SUGGESTED]
    ]
    columns = ["type", "residue", "other_residue", "state_mean", "training_mean", "separation"]
    table = pd.DataFrame(rows, columns=columns).sort_values("separation", ascending=False, kind="stable")
    best = table.groupby(table["type"] == "distance", sort=False).head(_SUGGESTED)
    return best.astype({"other_residue": "Int64"}).reset_index(drop=True)


def _circular(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (L,) of angles (F, L), radian."""
    resultant = np.exp(1j * angles).mean(0)
    return np.angle(resultant), np.sqrt(-2 * np.log(np.clip(np.abs(resultant), 1e-9, 1)))


def _common(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt((np.maximum(a, _FEWEST) ** 2 + np.maximum(b, _FEWEST) ** 2) / 2)


def _numbers(universe: mda.Universe) -> list[int]:
    """Numbers of the residues that have a CA."""
    return [int(atom.resid) for atom in universe.atoms if atom.name == "CA"]
