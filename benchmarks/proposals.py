"""Trp-cage from one of its states: how many proposals of a base are in the other, and how many of its nulls?

``OMP_NUM_THREADS=1 python benchmarks/proposals.py [BASE] [PROPOSALS]``. The starts are the training frames of
config/systems/trp_cage.yaml, of state A or of state B; spans stand anywhere. A proposal counts if it lies in the region
of the other state (the sign of phi11) and is as close to true frames as these are to each other: the 95th percentile of
the distance of a true frame to its nearest true frame more than NEIGHBOURHOOD frames away, over the residues whose
torsions differ between the states, with one on either side, and over all residues. Settings are those of
`mdllm propose`, chosen by benchmarks/loops.py on other proteins. Intervals are over groups, which redraw the same span.
Prints a table and writes records/proposals.json.
"""

import sys
import time

import numpy as np
from record import write_record
from tokenizer import TRAINING_A, TRAINING_B, read_trp_cage

from mdllm.analysis.bootstrap import interval_of_mean
from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import ProposalSettings
from mdllm.bases.spans import of_frequencies, of_residue_types
from mdllm.core.geometry import backbone_torsions, pairwise_rmsd

SEQUENCE = "NLYIQWLKDGGPSSGRPPPS"
PHI_11 = 10
NEIGHBOURHOOD = 50
THINNED = 5  # of the true frames that proposals are compared with
DIFFERENT_RAD = 0.7
SEEDS = 5
LOOSE_NM = 0.08


def mean_torsions(backbone: np.ndarray) -> np.ndarray:
    """Circular means (2, L) of phi and psi."""
    return np.array([np.angle(np.exp(1j * torsion).mean(0)) for torsion in backbone_torsions(backbone)[:2]])


def differing_residues(one: np.ndarray, other: np.ndarray) -> slice:
    """From one before the first to one after the last residue whose mean phi or psi differs."""
    change = np.abs(np.angle(np.exp(1j * (mean_torsions(one) - mean_torsions(other)))))
    residues = np.flatnonzero(np.nanmax(change, axis=0) > DIFFERENT_RAD)
    return slice(max(residues[0] - 1, 0), residues[-1] + 2)


def distances(frames: np.ndarray, true: np.ndarray, part: slice) -> np.ndarray:
    """RMSD (F, T) in nm over some residues."""
    return pairwise_rmsd(*(x[:, part].reshape(len(x), -1, 3).astype(float) for x in (frames, true)))


def closeness(true: np.ndarray, frames: np.ndarray, part: slice) -> float:
    """95th percentile of the distance of true frames to their nearest ones elsewhere in time, `frames` (T,)."""
    found = distances(true, true, part)
    found[np.abs(frames[:, None] - frames) <= NEIGHBOURHOOD] = np.inf
    return float(np.quantile(found.min(1), 0.95))


def main(name: str = "small", count: str = "800") -> None:
    base, settings = load_base(find_base(name)), ProposalSettings()
    trp_cage = read_trp_cage()
    phi = backbone_torsions(trp_cage)[0][:, PHI_11]
    results = {"base": name, "settings": settings.model_dump(mode="json"), "directions": {}}
    for direction, training, sign in (("A to B", TRAINING_A, -1), ("B to A", TRAINING_B, 1)):
        starts = trp_cage[training].astype(float)
        frames = np.flatnonzero(np.sign(phi) == sign)[::THINNED]
        true = trp_cage[frames]
        part, everything = differing_residues(starts, true), slice(None)
        limits = closeness(true, frames, part), closeness(true, frames, everything)
        proposer = Proposer(base, starts, SEQUENCE, settings)
        nulls = {
            "residue types": of_residue_types(base),
            "code frequencies": of_frequencies(proposer.chain.encode(starts[::4]), base.hidden),
        }
        rows = {}
        for source, knowledge in {"base": None, **nulls}.items():
            started, groups = time.process_time(), -(-int(count) // settings.group)
            made = [proposer.group(number, number % SEEDS, knowledge) for number in range(groups)]
            backbone = np.concatenate([group.backbone for group in made])
            inside = np.sign(backbone_torsions(backbone)[0][:, PHI_11]) == sign
            near = [distances(backbone, true, residues).min(1) for residues in (part, everything)]
            found = inside & (near[0] < limits[0]) & (near[1] < limits[1])
            loose = inside & (near[0] < LOOSE_NM)
            left = distances(backbone, starts[::THINNED], everything).min(1)
            cluster = np.repeat(np.arange(groups), settings.group)
            interval = interval_of_mean(loose.astype(float), cluster, 0.95, 2000, np.random.default_rng(0))
            rows[source] = {
                "proposals": len(backbone),
                "in_region": round(float(inside.mean()), 4),
                "found": round(float(found.mean()), 5),
                f"region_and_within_{LOOSE_NM}_nm": round(interval.value, 5),
                "low": round(interval.low, 5),
                "high": round(interval.high, 5),
                "groups_that_reach_it": len(np.unique(cluster[loose])),
                "groups": groups,
                "to_training_median_nm": round(float(np.median(left)), 3),
                "to_training_within_0.3_nm": round(float((left < 0.3).mean()), 3),
                "processor_s": round(time.process_time() - started, 1),
            }
            print(direction, f"{source:16s}", rows[source], flush=True)
        results["directions"][direction] = {
            "residues": [part.start + 1, part.stop],
            "limit_nm": round(limits[0], 4),
            "limit_all_residues_nm": round(limits[1], 4),
            "sources": rows,
        }
    write_record("proposals", results)


if __name__ == "__main__":
    main(*sys.argv[1:])
