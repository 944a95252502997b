"""What holding the entropy of frames changes (`rollout.hold_entropy`), in variants that differ in nothing else.

``python benchmarks/entropy.py results/trp_cage VARIANT HELD [VARIANT HELD ...]``, of a run whose variants HELD have
`rollout: {hold_entropy: true}` and the training of VARIANT. Entropies are in nats per code, before top-k and top-p.
Writes records/entropy.json.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from record import write_record

from mdllm.core.records import read_npz
from mdllm.ensembles.names import MODEL

QUALITIES = ("rmsd_to_training_nm", "ramachandran_outlier_share", "clashes_per_residue", "ca_ca_deviation_nm")


def entropies(rollout: dict[str, np.ndarray]) -> dict:
    """Of a rollout: at temperature 1, of all frames and of the first and last tenth; and what was held and reached."""
    residues, tenth = rollout["codes"].shape[-1], max(1, rollout["codes"].shape[1] // 10)
    entropy = rollout["entropy"] / residues
    parts = {"all": entropy, "first_tenth": entropy[:, :tenth], "last_tenth": entropy[:, -tenth:]}
    found = {f"entropy_{name}": round(float(part.mean()), 4) for name, part in parts.items()}
    if "temperature" not in rollout:
        return found
    temperature, held = rollout["temperature"], rollout["held_entropy"].item()
    reached = rollout["tempered_entropy"] / residues
    return {
        **found,
        "held": round(held, 4),
        "reached": round(float(reached.mean()), 4),
        "largest_miss_of_a_replica": round(float(np.abs(reached.mean(1) - held).max()), 4),
        "temperature_mean": round(float(temperature.mean()), 4),
        "temperature_lowest": round(float(temperature.min()), 4),
        "temperature_highest": round(float(temperature.max()), 4),
        "temperature_last_tenth": round(float(temperature[:, -tenth:].mean()), 4),
    }


def judged(folder: Path) -> dict:
    quality, discovery = (pd.read_csv(folder / "analysis" / f"{name}.csv") for name in ("quality", "discovery"))
    model = quality[quality["source"] == MODEL].set_index("metric")
    states = discovery[discovery["source"] == MODEL].set_index("state")
    shares = ["share", "share_low", "share_high", "share_found", "replicas_reached", "rmsd_to_true_nm_min"]
    return {
        **entropies(read_npz(folder / "rollout" / "codes.npz")),
        "states": states[shares].round(5).to_dict("index"),
        "quality": {name: round(model.loc[name, "mean"], 4) for name in QUALITIES},
        "largest_rmsd_to_training_nm": round(model.loc["rmsd_to_training_nm", "max"], 3),
        "worse_than_tolerated": sorted(model.index[model["no_worse"].astype(str) == "False"]),
    }


def main(results: str, *variants: str) -> None:
    write_record("entropy", {variant: judged(Path(results, variant)) for variant in variants})


if __name__ == "__main__":
    main(*sys.argv[1:])
