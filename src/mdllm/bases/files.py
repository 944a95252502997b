"""Proposals from files into files: an ensemble that any program opens, and a table of where each one comes from."""

import logging
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd
from tqdm import tqdm

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposals, Proposer
from mdllm.bases.settings import ProposalSettings
from mdllm.bases.spans import of_residue_types
from mdllm.collections.chains import find_chains, only_chain
from mdllm.collections.frames import structure_run
from mdllm.core.errors import InputError
from mdllm.core.geometry import with_oxygen
from mdllm.core.records import write_json
from mdllm.core.sequences import sequence
from mdllm.core.trajectories import TrajectoryWriter, open_backbone, read_backbone, write_topology
from mdllm.molecules.reading import open_raw

logger = logging.getLogger(__name__)

MODEL, RESIDUE_TYPES = "model", "residue_types"


def propose(starts: Path, base: str, settings: ProposalSettings, count: int, seed: int, output: Path) -> dict:
    """Write proposals of a base, and as many of its null, into `output`.

    `topology.pdb`, `model.xtc` and `residue_types.xtc` hold N, CA, C, O; `proposals.csv` has a row for each structure:
    source, proposal, start, first_residue and last_residue (of the spans, as the topology numbers them; `;` between
    moves), changed (number of spans that were redrawn), log_likelihood_nats.

    Args:
        starts: a folder `results/SYSTEM/frames`, or a structure file of one chain, whose models are taken.
        base: see `find_base`.
        count: proposals; whole groups are made, so that there may be a few more.

    Raises:
        InputError: a base or start that cannot be read, or an `output` that exists.
    """
    if output.exists():
        raise InputError(f"{output} exists; nothing is overwritten: name another folder")
    if not starts.exists():
        raise InputError(f"{starts} does not exist; give a folder results/SYSTEM/frames or a structure file")
    universe, backbone = _read(starts)
    loaded = load_base(find_base(base))
    letters = sequence(universe.residues.resnames)
    proposer = Proposer(loaded, backbone[:, :, :3].astype(float), letters, settings)
    output.mkdir(parents=True)
    write_topology(output / "topology.pdb", universe, backbone[0])
    groups = -(-count // settings.group)
    tables = []
    for source, knowledge in ((MODEL, None), (RESIDUE_TYPES, of_residue_types(loaded, letters))):
        with TrajectoryWriter(output / f"{source}.xtc") as writer:
            for number in tqdm(range(groups), desc=f"propose, {source}", unit="group", mininterval=1):
                made = proposer.group(number, seed, knowledge)
                first = number * settings.group
                writer.write(with_oxygen(made.backbone), np.arange(first, first + settings.group, dtype=float))
                tables.append(_table(source, first, made, universe.residues.resids))
    pd.concat(tables).to_csv(output / "proposals.csv", index=False)
    record = {
        "starts": str(starts),
        "base": base,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "proposals": groups * settings.group,
        "start_structures": len(backbone),
    }
    write_json(output / "proposals.json", record)
    return record


def _read(starts: Path) -> tuple[mda.Universe, np.ndarray]:
    """A universe of N, CA, C, O that names the residues, and the structures (F, L, 4, 3) in nm."""
    if starts.is_dir():
        universe = open_backbone(starts / "topology.pdb", starts / "trajectory.xtc")
        return open_backbone(starts / "topology.pdb"), read_backbone(universe)
    atoms = only_chain(find_chains(open_raw(starts), None, str(starts)), str(starts))
    return atoms.universe(), np.concatenate([chunk for _, chunk in structure_run(starts, None, label="").chunks()])


def _table(source: str, first: int, made: Proposals, resids: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": source,
            "proposal": np.arange(first, first + len(made.start)),
            "start": made.start,
            "first_residue": ";".join(map(str, resids[made.first])),
            "last_residue": ";".join(map(str, resids[made.last])),
            "changed": made.changed,
            "log_likelihood_nats": made.log_likelihood,
        }
    )
