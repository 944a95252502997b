"""What MD keeps of proposals for a state that nobody named: is it the one that the trajectory visits elsewhere?

``python benchmarks/kept.py results/trp_cage_verified`` after
``snakemake --profile profiles/local --config only=trp_cage_verified``, a run in which no state is named and no frame of
state B is looked at. Here the truth is looked up: the share of the last quarter of each simulation that lies in the
region of B and is as close to MD's frames of B as these are to each other (as in proposals.py), and the median distance
to them. Prints a table and writes records/kept.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from proposals import cases, closeness, differing_residues, distances
from record import write_record

from mdllm.core.records import read_json
from mdllm.verification.judge import LAST_SHARE, read_simulated


def main(results: str) -> None:
    folder = Path(results) / "main" / "verification"
    case = next(cases())
    parts = differing_residues(case.starts, case.true), slice(None)
    limits = [closeness(case, part) for part in parts]
    simulations = pd.read_csv(folder / "simulations.csv")
    rows = []
    for simulation in simulations.itertuples():
        files = folder / "trajectories" / f"{simulation.proposal}_{simulation.replica}"
        row = {"simulation": files.name, "where": simulation.where}
        if files.with_suffix(".xtc").is_file():
            _, backbone = read_simulated(files.with_suffix(".pdb"), files.with_suffix(".xtc"))
            last = backbone[-max(1, round(LAST_SHARE * len(backbone))) :, :, :3]
            near = [distances(last, case.true, part).min(1) for part in parts]
            found = case.inside(last) & (near[0] < limits[0]) & (near[1] < limits[1])
            first = distances(backbone[:1, :, :3], case.true, parts[0]).min()
            row |= {
                "first_frame_to_B_nm": round(float(first), 3),
                "in_B": round(float(found.mean()), 2),
                "to_B_nm": round(float(np.median(near[0])), 3),
                "to_B_all_residues_nm": round(float(np.median(near[1])), 3),
                "novelty": round(simulation.novelty, 2),
            }
        rows.append(row)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    write_record(
        "kept",
        {
            "sentences": read_json(folder / "verdict.json")["sentences"],
            "simulated_ns": read_json(folder / "verdict.json")["simulated_ns"],
            "force_field": read_json(folder / "verdict.json")["force_field"],
            "limit_nm": round(limits[0], 4),
            "limit_all_residues_nm": round(limits[1], 4),
            "simulations": json.loads(table.to_json(orient="records")),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
