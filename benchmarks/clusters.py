"""Are the clusters of new frames that a base finds, without being told of states, the state that it was never shown?

``python benchmarks/clusters.py results/trp_cage [VARIANT ...]``, after ``make demo``. The novelty of a variant is
judged without any state. Here the truth is looked up afterwards: for each of the largest clusters of the model's new
frames the share of its frames that lie in the region of the other state and within 0.08 nm of its true frames, over the
residues that differ between the states (as in proposals.py), beside what the run itself says of the cluster. Prints a
table and writes records/clusters.json.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from proposals import LOOSE_NM, cases, differing_residues, distances
from record import write_record

from mdllm.core.records import read_json
from mdllm.core.trajectories import open_backbone, read_backbone

LARGEST = 10
CASES = {"A": "Trp-cage, A to B", "B": "Trp-cage, B to A"}


def judged(folder: Path) -> dict:
    """The largest clusters of a variant, and what they are."""
    (state,) = read_json(folder / "analysis" / "description.json")["training_states"]
    case = next(case for case in cases() if case.name == CASES[state])
    residues = differing_residues(case.starts, case.true)
    universe = open_backbone(folder / "ensemble" / "topology.pdb", folder / "ensemble" / "ensemble.xtc")
    backbone = read_backbone(universe)[:, :, :3]
    near = distances(backbone, case.true, residues).min(1)
    true = case.inside(backbone) & (near < LOOSE_NM)
    frames = pd.read_parquet(folder / "novelty" / "frames.parquet")
    cluster = frames.loc[frames["source"] == "model", "cluster"].to_numpy()
    clusters = pd.read_csv(folder / "novelty" / "clusters.csv")
    rows = [
        {
            "cluster": int(row.cluster),
            "frames": int((cluster == row.cluster).sum()),
            "residues_moved": row.residues_moved,
            "more_often_than_nulls": bool(row.more_often_than_nulls),
            "structures_no_worse": bool(row.structures_no_worse),
            "true_share": round(float(true[cluster == row.cluster].mean()), 3),
            "nearest_true_nm_median": round(float(np.median(near[cluster == row.cluster])), 3),
        }
        for row in clusters.head(LARGEST).itertuples()
    ]
    more = clusters["more_often_than_nulls"] == True  # noqa: E712 (None: not judged)
    found = (more & clusters["structures_no_worse"]).to_numpy()
    return {
        "trained_on": state,
        "true_share_of_all_frames": round(float(true.mean()), 4),
        "clusters": len(clusters),
        "more_often_than_nulls": int(more.sum()),
        "of_these_with_structures_no_worse": int(found.sum()),
        "largest": rows,
    }


def main(folder: str, *variants: str) -> None:
    results = {}
    for variant in variants or ("base", "base_from_b", "main", "from_b"):
        results[variant] = judged(Path(folder, variant))
        about = {key: value for key, value in results[variant].items() if key != "largest"}
        print(variant, about)
        print(pd.DataFrame(results[variant]["largest"]).to_string(index=False))
    write_record("clusters", results)


if __name__ == "__main__":
    main(*sys.argv[1:])
