"""A structure that is known beside the trajectory, and how far its distances are from those of MD.

Axes: M models, L residues, P pairs of residues.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from mdllm.config.settings.system import Reference
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, rmsd_of_present
from mdllm.observables.references import load_references
from mdllm.sources.cache import cache_folder
from mdllm.sources.structures import fetch_structure
from mdllm.survey.states import Distances, States

_COMPARED = 1000
_NAME = re.compile(r"[0-9][A-Za-z0-9]{3}")


@dataclass(frozen=True)
class KnownStructure:
    """A reference, matched to the system.

    Attributes:
        key: its name in a system file.
        definition: what a system file says of it.
        loadable: the same, as a file that is there now.
        models: (M, L, 4, 3) in nm, NaN where it lacks atoms.
        identity: share of aligned residues that are the same.
        matched: number of aligned residues.
    """

    key: str
    definition: dict
    loadable: dict
    models: np.ndarray
    identity: float
    matched: int

    def nearest_nm(self, backbone: np.ndarray) -> float:
        """RMSD of its nearest model to the nearest of at most _COMPARED frames (F, L, 4, 3)."""
        shown = np.unique(np.linspace(0, len(backbone) - 1, min(_COMPARED, len(backbone))).round().astype(int))
        frames = backbone[shown].reshape(len(shown), -1, 3)
        return min(float(rmsd_of_present(frames, model.reshape(-1, 3)).min()) for model in self.models)

    def beside(self, states: States) -> Distances:
        """Distances of the states of MD, and of the reference as the last group."""
        groups = states.distances
        one, other = groups.pairs.T
        length = np.linalg.norm(self.models[:, one, CA] - self.models[:, other, CA], axis=-1)
        known = np.isfinite(length).all(axis=0)
        mean = np.where(known, length.mean(axis=0), groups.mean.mean(axis=0))  # what it lacks tells nothing
        rows = (
            np.vstack([of_md, own])
            for of_md, own in (
                (groups.mean, mean),
                (groups.variance, np.where(known, length.var(axis=0), 1.0)),
                (groups.contacts, np.zeros(len(mean))),
            )
        )
        return Distances(*rows, groups.pairs)


def known_structure(given: str, atoms: mda.Universe) -> KnownStructure:
    """The structure of a file, or of an entry of the Protein Data Bank, matched to the residues of `atoms`.

    Raises:
        InputError: there is no such file or entry, or its sequence is that of another protein.
    """
    if Path(given).is_file():
        stem = re.sub(r"\W+", "_", Path(given).name.split(".")[0], flags=re.ASCII).strip("_").lower()
        key, definition = f"reference_{stem}", {"file": given}
        loadable = definition
    elif _NAME.fullmatch(given):
        key, definition = f"reference_{given.lower()}", {"pdb": given.upper()}
        loadable = {"file": str(fetch_structure(given, cache_folder()))}
    else:
        raise InputError(f"--reference {given}: there is no such file, and it is no identifier of the PDB, as 2LCB")
    ensemble = load_references({key: Reference.model_validate(loadable)}, atoms)[key]
    models = ensemble.coordinates.reshape(len(ensemble.coordinates), -1, 4, 3)
    return KnownStructure(key, definition, loadable, models, ensemble.identity, ensemble.matched)
