"""What came of config/paper_cpu.yaml: the paper's three systems, short MD, a small model and the base.

    snakemake --profile profiles/local --configfile config/paper_cpu.yaml
    python benchmarks/paper_cpu.py [results]

Writes records/paper_cpu.json: per system and variant the losses, the share of frames found in the other state and in
its region, by model and nulls, new frames, the wall time of each stage as it was, and checksums of frames and tables,
which the first command makes anew.
"""

import sys
from pathlib import Path

import pandas as pd
from record import write_record

from mdllm.core.records import read_json, sha256

SYSTEMS = {
    "t4l_l99a_implicit": "excited",
    "t4l_l99a_g113a_r119p_implicit": "native",
    "mad2_implicit": "open",
}
VARIANTS = ("main", "base")
TABLES = ("frames/frames.parquet", "{}/analysis/discovery.csv", "{}/analysis/quality.csv", "{}/novelty/sources.csv")


def described(results: Path, system: str, variant: str, state: str) -> dict:
    folder = results / system / variant
    summary, discovery = read_json(folder / "summary.json"), pd.read_csv(folder / "analysis" / "discovery.csv")
    of_state = discovery[discovery["state"] == state].set_index("source")
    new = pd.read_csv(folder / "novelty" / "sources.csv").set_index("source")["share_new"]
    times = {
        path.stem: round(float(pd.read_csv(path, sep="\t")["s"].iloc[-1]))
        for path in sorted((results / "benchmarks" / system / variant).glob("*.tsv"))
    }
    return {
        "conditions": summary["conditions"],
        "training": summary["training"],
        "in_region": of_state["share"].to_dict(),
        "found": of_state["share_found"].to_dict(),
        "median_rmsd_to_nearest_structure_nm": of_state["rmsd_to_reference_nm_median"].to_dict(),
        "verdict": summary["discovery"][state]["verdict"],
        "new": new.to_dict(),
        "wall_s": times,
        "sha256": {path: sha256(results / system / path) for path in (table.format(variant) for table in TABLES)},
    }


def main(results: str = "results") -> None:
    found = {
        system: {variant: described(Path(results), system, variant, state) for variant in VARIANTS}
        for system, state in SYSTEMS.items()
    }
    write_record("paper_cpu", found)


if __name__ == "__main__":
    main(*sys.argv[1:])
