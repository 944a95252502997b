"""Quality of the generated structures beside training frames and nulls."""

import pandas as pd

from mdllm.ensembles.names import NULLS
from mdllm.figures.tables import Tables
from mdllm.page.blocks import Block, Table, Text

_NAMES = {
    "rmsd_to_start_nm": "RMSD to first training frame (nm)",
    "rmsd_to_training_nm": "RMSD to nearest training frame (nm)",
    "bond_length_deviation_nm": "bond length deviation (nm)",
    "bond_angle_deviation_rad": "bond angle deviation (rad)",
    "ca_ca_deviation_nm": "CA–CA distance deviation (nm)",
    "omega_deviation_rad": "ω from planar (rad)",
    "clashes_per_residue": "clashes per residue",
    "ramachandran_outlier_share": "share of Ramachandran outliers",
    "cis_share": "share of cis peptide bonds",
    "positive_phi_share": "share of residues with φ > 0",
}
_VERDICTS = {True: "no worse", False: "worse", None: "not judged"}


def build(tables: Tables) -> list[Block]:
    quality = tables.summary["quality"]
    rows = [
        {
            "mean of": _NAMES.get(metric, metric),
            "MD, training": row["training"],
            **{words: row[null] for null, words in NULLS.items()},
            "model": row["model"],
            "model, beside encode→decode": _VERDICTS[row["no_worse"]],
            "largest of the model": row["model_max"],
            "within its limit": {True: "yes", False: "no", None: ""}[row["within_limit"]],
        }
        for metric, row in quality.items()
    ]
    judged = {name: row for name, row in quality.items() if row["no_worse"] is not None}
    worse = [_NAMES.get(name, name) for name, row in judged.items() if not row["no_worse"]]
    verdict = f"Of {len(judged)} measures that are judged, the model is worse than encode→decode in "
    verdict += f"{len(worse)}: {', '.join(worse)}." if worse else "none."
    meaning = tuple(f"{_NAMES.get(name, name)}: {row['meaning']}" for name, row in quality.items())
    return [Text((verdict,)), Table(pd.DataFrame(rows), "Means over frames, by source"), Text(meaning, points=True)]
