"""Distances of generated frames to the nearest training frame, over the whole and over sliding spans, at full size.

Prints and writes records/novelty.json: seconds and peak memory for 5,000 frames of 164 residues against 5,000, and,
side by side on fewer frames, what superposing every pair would take, and how far the distances lie above the exact
ones; and seconds to find the clusters of 2,000 new frames, where every pair is superposed. Seconds are of the
processor. Frames are 3DMV (tests/data) with smooth random displacements along the chain and noise of every atom.
Run it as ``OMP_NUM_THREADS=1 python benchmarks/novelty.py``.
"""

import gzip
import io
import resource
import time

import MDAnalysis as mda
import numpy as np
from record import ROOT, write_record
from scipy.ndimage import gaussian_filter1d

from mdllm.analysis.novelty.clusters import find_medoids
from mdllm.analysis.novelty.spans import KnownFrames, sliding_spans
from mdllm.analysis.novelty.threshold import Threshold
from mdllm.core.geometry import pairwise_rmsd
from mdllm.molecules.backbone import BackboneAtoms

FRAMES, FEW, SPAN, CLUSTERED = 5000, 300, 7, 2000
SMOOTH_NM, NOISE_NM, CORRELATED_RESIDUES = 0.08, 0.005, 8


def read_structure() -> np.ndarray:
    """N, CA, C of 3DMV, (L, 3, 3) in nm."""
    text = gzip.decompress((ROOT / "tests" / "data" / "3dmv.pdb.gz").read_bytes()).decode()
    universe = mda.Universe(io.StringIO(text), format="PDB")
    return BackboneAtoms.select(universe, "protein", "3dmv").cut(universe.atoms.positions, None)[:, :3]


def perturbed(structure: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Copies (F, L, 3, 3)."""
    field = gaussian_filter1d(rng.normal(size=(frames, len(structure), 3)), CORRELATED_RESIDUES, axis=1)
    field *= SMOOTH_NM / field.std()
    noise = rng.normal(scale=NOISE_NM, size=(frames, *structure.shape))
    return (structure + field[:, :, None] + noise).astype(np.float32)


def main() -> None:
    rng, structure = np.random.default_rng(0), read_structure()
    spans = sliding_spans(np.ones(len(structure) - 1, bool), SPAN)
    few, known_few = (perturbed(structure, FEW, rng) for _ in range(2))
    started = time.process_time()
    found = KnownFrames(known_few, spans).distances(few)
    ours = time.process_time() - started
    started = time.process_time()
    pieces = [slice(first, last + 1) for first, last in spans]
    exact = [
        pairwise_rmsd(*(x[:, piece].reshape(FEW, -1, 3) for x in (few, known_few))).min(1)
        for piece in (slice(None), *pieces)
    ]
    every_pair = time.process_time() - started
    excess = np.concatenate([found.whole_nm[None], found.span_nm.T]) / np.array(exact) - 1
    asked, known = (perturbed(structure, FRAMES, rng) for _ in range(2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    KnownFrames(known, spans).distances(asked)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    threshold = Threshold(np.r_[SMOOTH_NM, np.full(2 * len(spans), np.inf)])
    medoids = find_medoids(asked[:CLUSTERED], spans, threshold, 1.5)
    clustering = time.process_time() - started
    write_record(
        "novelty",
        {
            "frames": FRAMES,
            "training_frames": FRAMES,
            "residues": len(structure),
            "spans": len(spans),
            "seconds": round(seconds, 1),
            "peak_memory_mb": round(peak / 1024),
            "added_memory_mb": round((peak - before) / 1024),
            "every_pair_seconds_extrapolated": round(every_pair * (FRAMES / FEW) ** 2),
            "clusters": {
                "frames": CLUSTERED,
                "seconds": round(clustering, 1),
                "clusters": len(medoids),
            },
            "of_300_frames": {
                "seconds": round(ours, 2),
                "every_pair_seconds": round(every_pair, 2),
                "above_exact_median": round(float(np.median(excess)), 6),
                "above_exact_p99": round(float(np.quantile(excess, 0.99)), 4),
            },
        },
    )


if __name__ == "__main__":
    main()
