"""Where MD takes a proposal: back to the training state, to a named state, or nowhere, because it stays.

Every frame of a simulation is judged by the measure of novelty (`mdllm.analysis.novelty`): `returned` where it is no
further from the training frames than held-out MD is; `stayed` where it is near the proposal; `elsewhere` otherwise. It
is in a named state, whatever novelty says, where it lies in the region and is as close to MD frames of that state as
these are to each other (`mdllm.analysis.discovery.measure`), or, where none are known, in the region and new. A
simulation has ended where most frames of its last quarter are, and one that could not be simulated has fallen apart.

Another force field than that of the training frames, or implicit solvent, may carry the training frames themselves away
from where they were. So simulations of training frames are judged first, and how far nine tenths of them go is the
limit up to which a proposal counts as returned, where that is further than held-out MD: what is called kept is kept
beyond what the simulation does to any frame.

Axes: F frames, L residues.
"""

from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from mdllm.analysis.discovery.measure import TrueFrames, skeleton
from mdllm.analysis.novelty.clusters import separations
from mdllm.analysis.novelty.spans import KnownFrames
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.config.settings.system import OUTSIDE
from mdllm.core.geometry import rmsd
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.observables.bound import BoundObservables
from mdllm.verification.atoms import CAPS
from mdllm.verification.verdict import ELSEWHERE, RETURNED, STAYED

_LAST_SHARE = 0.25
_CONTROLS = 0.9


@dataclass(frozen=True)
class Judge:
    """What the frames of a simulation are compared with.

    Attributes:
        training: (T, L, 4, 3) in nm, training frames; `known`, the same for distances.
        true: MD frames of named states that were not trained on, by state; without those of which too few are known.
        spans, threshold: of novelty.
        near: separation from the proposal up to which a frame has stayed.
        bound: collective variables and states.
        training_states: names of the states trained on.
    """

    training: np.ndarray
    known: KnownFrames
    true: dict[str, TrueFrames]
    spans: np.ndarray
    threshold: Threshold
    near: float
    bound: BoundObservables
    training_states: list[str]

    def frames(self, backbone: np.ndarray, proposal: np.ndarray, limit: float = 1.0) -> pd.DataFrame:
        """One row per frame of a simulation.

        Columns: rmsd_to_training_nm, rmsd_to_proposal_nm; novelty; separation, from the proposal; state; where; and the
        collective variables.

        Args:
            backbone: (F, L, 4, 3) in nm.
            proposal: (L, 4, 3) in nm, the frame that it started from.
            limit: novelty up to which a frame outside the named states has returned.
        """
        distances = self.known.distances(backbone)
        novelty = self.threshold.novelty(distances)
        separation = separations(backbone, proposal[None], self.spans, self.threshold)[:, 0]
        values, state = self.bound.measure(backbone, np.arange(len(backbone)))
        where = np.full(len(backbone), ELSEWHERE, dtype=object)
        where[separation <= self.near] = STAYED
        where[novelty <= limit] = RETURNED
        for name in sorted(set(state) - {OUTSIDE, *self.training_states}):
            known = self.true.get(name)
            there = novelty > 1 if known is None else known.as_close(skeleton(backbone))
            where[there & (state == name)] = name
        return pd.DataFrame(
            {
                "rmsd_to_training_nm": distances.whole_nm,
                "rmsd_to_proposal_nm": rmsd(backbone[:, :, :3], proposal[:, :3].astype(backbone.dtype)),
                "novelty": novelty,
                "separation": separation,
                "state": state,
                "where": where,
                **values,
            }
        )


def read_simulated(topology: Path, trajectory: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (F,) in ps and backbones (F, L, 4, 3) in nm of a simulation, without caps."""
    universe = mda.Universe(str(topology), str(trajectory))
    atoms = BackboneAtoms.select(universe, f"not resname {' '.join(CAPS)}", str(topology))
    times, frames = zip(*((ts.time, atoms.cut(ts.positions, ts.dimensions)) for ts in universe.trajectory), strict=True)
    return np.array(times), np.array(frames)


def inverted(topology: Path, trajectory: Path) -> list[str]:
    """Residues whose CA is a mirror image of that of an L amino acid in the last frame: the start was knotted."""
    universe = mda.Universe(str(topology), str(trajectory))
    universe.trajectory[-1]
    found = []
    for residue in universe.residues:
        atoms = {atom.name: atom.position for atom in residue.atoms if atom.name in ("N", "CA", "C", "CB")}
        if len(atoms) == 4:
            to_n, to_c, to_cb = (atoms[name] - atoms["CA"] for name in ("N", "C", "CB"))
            if np.cross(to_n, to_c) @ to_cb < 0:
                found.append(f"{residue.resname} {residue.resid}")
    return found


def last_quarter(count: int) -> slice:
    """Frames of a simulation of `count` frames by which it is judged."""
    return slice(-max(1, round(_LAST_SHARE * count)), None)


def limit_of(endings: list[dict]) -> float:
    """How far simulations of training frames go, from what `ending` says of each: at least as far as held-out MD."""
    return max([1.0, *np.quantile([end["novelty"] for end in endings], [_CONTROLS]).tolist()] if endings else [1.0])


def ending(frames: pd.DataFrame) -> dict:
    """Where a simulation ends, from the rows of `Judge.frames`.

    Returns:
        where, the most frequent in the last quarter, and its share there; of the last quarter the medians of
        rmsd_to_training_nm, rmsd_to_proposal_nm (the drift) and novelty.
    """
    last = frames.iloc[last_quarter(len(frames))]
    counts = last["where"].value_counts()
    columns = ("rmsd_to_training_nm", "rmsd_to_proposal_nm", "novelty", "separation")
    return {
        "where": counts.index[0],
        "share_there": float(counts.iloc[0] / len(last)),
        **{f"{column.replace('rmsd_to_proposal_nm', 'drift_nm')}": float(last[column].median()) for column in columns},
    }
