"""Properties of MD with all atoms: from raw frames to tables and matrices.

Properties have no model beside them: generated frames are backbones. They are what SeqDance predicts.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.analysis.dynamics.measure import Properties, measure_properties
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.properties import CONTACTS, PAIR_PROPERTIES, RESIDUE_PROPERTIES
from mdllm.analysis.novelty.residues import residue_names
from mdllm.config.settings.dynamics import PropertySettings
from mdllm.core.bootstrap import blocks_of_series
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_npz
from mdllm.core.trajectories import open_backbone
from mdllm.ensembles.sources import spread
from mdllm.molecules.selected import SelectedAtoms
from mdllm.prepare.frames import open_listed, raw_frames

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PropertyInputs:
    """Files of the stages before: `raw/sources.json`, `frames/topology.pdb` and `frames/frames.parquet`."""

    sources: Path
    topology: Path
    frames: Path


def properties_of_md(
    inputs: PropertyInputs, *, selection: str, settings: PropertySettings, output: Path
) -> dict[str, int]:
    """Write the properties of MD into `output`.

    `residues.csv`: residue (from 1), chain, resid, resname, property, unit, value, standard_error. `pairs.csv`: first,
    second (residues, from 1), property, unit, value, standard_error and atom_pairs, of pairs that are ever in contact.
    `properties.npz`: residue (L, 50), pair (L, L, 13), their _error, atom_pairs (L, L, 9), and the names of all.

    Returns:
        counts for the provenance record.

    Raises:
        InputError: raw files have changed, or their residues are not those that were prepared.
    """
    table = pd.read_parquet(inputs.frames)
    rows = spread(np.arange(len(table)), settings.frames)
    molecule, points = read_all_atoms(read_json(inputs.sources), selection, table["frame"].to_numpy()[rows])
    names = residue_names(open_backbone(inputs.topology))
    if len(names) != len(molecule):
        raise InputError(
            f"the raw topology has {len(molecule)} residues in '{selection}', and {inputs.topology} has {len(names)}; "
            "run prepare again"
        )
    cluster = blocks_of_series(table["segment"].to_numpy()[rows], settings.blocks)
    found = measure_properties(molecule, points, cluster, settings)
    output.mkdir(parents=True, exist_ok=True)
    _residues(found, names).to_csv(output / "residues.csv", index=False)
    _pairs(found).to_csv(output / "pairs.csv", index=False)
    arrays = {name: getattr(found, name) for name in ("residue", "residue_error", "pair", "pair_error", "atom_pairs")}
    write_npz(
        output / "properties.npz",
        **{name: array.astype(np.float32) for name, array in arrays.items()},
        residue_names=np.array([entry.name for entry in RESIDUE_PROPERTIES]),
        pair_names=np.array([entry.name for entry in PAIR_PROPERTIES]),
    )
    return {"frames": found.frames, "clusters": found.clusters, "atoms": len(molecule.atoms)}


def read_all_atoms(sources: dict, selection: str, frames: np.ndarray) -> tuple[Molecule, np.ndarray]:
    """Molecule and frames (F, A, 3) in nm, whole across periodic boundaries, of raw frames by their numbers.

    Args:
        sources: as `raw/sources.json`.
    """
    universe = open_listed(sources["topology"], sources["trajectories"][0])
    selected = SelectedAtoms(universe, selection, sources["topology"]["path"])
    molecule = Molecule.of(selected.universe(), selection, sources["topology"]["path"])
    points = [
        selected.cut(positions, dimensions)[molecule.atoms] for _, positions, dimensions in raw_frames(sources, frames)
    ]
    logger.info("%d frames of %d atoms", len(points), len(molecule.atoms))
    return molecule, np.stack(points)


def _residues(found: Properties, names: pd.DataFrame) -> pd.DataFrame:
    parts = [
        names.assign(
            property=entry.name,
            unit=entry.unit,
            value=found.residue[:, number],
            standard_error=found.residue_error[:, number],
        )
        for number, entry in enumerate(RESIDUE_PROPERTIES)
    ]
    return pd.concat(parts, ignore_index=True)


def _pairs(found: Properties) -> pd.DataFrame:
    parts = []
    for number, name in enumerate(CONTACTS):
        first, second = np.nonzero(np.triu(found.atom_pairs[..., number] > 0))
        parts.append(
            pd.DataFrame(
                {
                    "first": first + 1,
                    "second": second + 1,
                    "property": name,
                    "unit": PAIR_PROPERTIES[number].unit,
                    "value": found.pair[first, second, number],
                    "standard_error": found.pair_error[first, second, number],
                    "atom_pairs": found.atom_pairs[first, second, number],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
