"""Decoded frames of a model as discrete trajectories: one code per frame, replica by replica.

Axes: R replicas, T generated frames of each.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.config.settings.system import Observables
from mdllm.core.records import write_npz
from mdllm.ensembles.names import MODEL
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.discretizers.base import Frames


def discretize_generated(
    cvs: Path, atoms: tuple[Path, Path], discretizer: Path, observables: Observables, stride: int, output: Path
) -> dict:
    """Write an npz with `codes` (R, T / stride, 1), in the form of a rollout.

    Args:
        cvs: `analysis/cvs.parquet`, whose rows of the model are in the order of its trajectory.
        atoms: topology and trajectory of the decoded frames.
        discretizer: the folder that was fitted on MD.
        stride: that of MD's codes. Of several structures of one frame the first counts.

    Returns:
        counts for the provenance record.
    """
    table = pd.read_parquet(cvs)
    frames = Frames.of(table[table["source"] == MODEL].reset_index(drop=True), observables, atoms)
    first = (frames.table["sample"] == 0) & (frames.table["frame"] % stride == 0)
    chosen = frames.pick(np.flatnonzero(first))
    codes = load_tokenizer(discretizer).encode(chosen)
    replicas = chosen.table["replica"].nunique()
    write_npz(output, codes=codes.reshape(replicas, -1, 1))
    return {"replicas": replicas, "frames": len(codes) // replicas}
