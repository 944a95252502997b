"""Spans of held-out proteins, hidden and redrawn by a base: how near do they come to what stood there?

``OMP_NUM_THREADS=1 python benchmarks/loops.py results/collections/large [BASE]`` after ``snakemake collect_large``.
Spans of 8 residues at random places of the validation proteins, drawn again four times each, whatever is around them
held; RMSD of N, CA, C without superposition. Beside it the null, residues drawn by their type alone, closed and
chosen in the same way. The settings of `mdllm propose` are chosen here. Prints a table and writes records/loops.json.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from record import write_record

from mdllm.bases.base import find_base, load_base
from mdllm.bases.poses import of_backbone
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings
from mdllm.bases.spans import of_base, of_residue_types, redraw
from mdllm.collections.reader import Collection

SPANS, LENGTH, REPEATS, AROUND = 60, 8, 4, 30
CASES = {
    "null": {},
    "null, sharpness 1": {"sharpness": 1.0},
    "null, sharpness 1, 64 drawings": {"sharpness": 1.0, "drawings": 64},
    "base": {},
    "base, sharpness 1, temperature 0.7": {"sharpness": 1.0, "temperature": 0.7},
    "base, sharpness 0.5": {"sharpness": 0.5},
    "base, sharpness 1": {"sharpness": 1.0},
    "base, sharpness 1, 16 drawings": {"sharpness": 1.0, "drawings": 16},
    "base, sharpness 1, 64 drawings": {"sharpness": 1.0, "drawings": 64},
    "base, sharpness 2, 64 drawings": {"sharpness": 2.0, "drawings": 64},
}


def loops(collection: Collection, rng: np.random.Generator):
    """Backbones (1, L, 3, 3), sequences and spans, at random places of random validation proteins."""
    names = collection.names("validation")
    while True:
        segment = collection.conformers(names[rng.integers(len(names))])[0]
        place = rng.integers(1, len(segment.sequence) - LENGTH)
        part = slice(max(place - AROUND, 0), place + LENGTH + AROUND)
        if segment.bonded[max(place - 2, 0) : place + LENGTH + 1].all():
            first = place - part.start
            yield (
                np.asarray(segment.backbone[:1, part, :3], float),
                segment.sequence[part],
                range(first, first + LENGTH),
            )


def errors(base, collection: Collection, settings: ProposalSettings, null: bool) -> np.ndarray:
    """RMSD (SPANS, REPEATS) in nm; infinite where no drawing was left."""
    rng, found = np.random.default_rng(1), []
    for _, (backbone, sequence, span) in zip(range(SPANS), loops(collection, np.random.default_rng(0)), strict=False):
        proposer = Proposer(base, backbone, sequence, settings)
        repeated = backbone.repeat(REPEATS, axis=0)
        poses = of_backbone(repeated)
        uniforms = torch.from_numpy(rng.random((REPEATS, settings.drawings, LENGTH + 2)))
        made = redraw(
            base,
            of_residue_types(base, sequence) if null else of_base(base),
            proposer.molecule,
            poses,
            torch.from_numpy(base.steps.nearest(repeated)),
            span,
            settings,
            uniforms,
        )
        shift = (made.poses.to_atoms(proposer.molecule.local).numpy() - repeated)[:, span.start : span.stop]
        rmsd = np.sqrt((shift**2).sum(-1).mean((1, 2)))
        found.append(np.where(made.changed.numpy(), rmsd, np.inf))
    return np.array(found)


def main(folder: str, name: str = COMES_WITH_MDLLM) -> None:
    base, collection, results = load_base(find_base(name)), Collection(Path(folder)), {}
    for case, changes in CASES.items():
        started = time.process_time()
        found = errors(
            base, collection, ProposalSettings(sharpness=changes.pop("sharpness", 0.0), **changes), "null" in case
        )
        results[case] = {
            "closed": round(float(np.isfinite(found).mean()), 3),
            "median_nm": round(float(np.median(found)), 3),
            **{f"within_{limit}_nm": round(float((found < limit).mean()), 4) for limit in (0.03, 0.05, 0.1, 0.15)},
            "processor_s": round(time.process_time() - started, 1),
        }
        print(f"{case:32s}", "  ".join(f"{key} {value}" for key, value in results[case].items()), flush=True)
    write_record("loops", {"base": base.record, "spans": SPANS, "residues": LENGTH, "drawn": REPEATS, "cases": results})


if __name__ == "__main__":
    main(*sys.argv[1:])
