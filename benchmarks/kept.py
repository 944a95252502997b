"""What MD keeps of proposals for a state that nobody named: is it the one that the trajectory visits elsewhere?

    snakemake --profile profiles/local --config only=trp_cage_verified
    python benchmarks/kept.py results/trp_cage_verified                            # records/kept.json
    snakemake --profile profiles/local --config only=trp_cage_from_a,trp_cage_from_b    # on a GPU
    python benchmarks/kept.py results/trp_cage_from_a results/trp_cage_from_b      # records/kept_of_seeds.json
    snakemake --profile profiles/local study_from_a study_from_b study_false_alarms
    python benchmarks/kept.py results/study_from_a results/study_from_b            # records/from_a.json, both
    python benchmarks/kept.py results/study_false_alarms                           # records/false_alarms.json
    snakemake --profile profiles/local study_false_alarms_full                     # on a GPU
    python benchmarks/kept.py results/study_false_alarms_full                      # records/false_alarms_full.json
    snakemake --profile profiles/local --config only=trp_cage_rounds_from_a,trp_cage_rounds_from_b    # on a GPU
    python benchmarks/kept.py results/trp_cage_rounds_from_a results/trp_cage_rounds_from_b    # records/rounds.json

In these runs no state is named and no frame of the other state is looked at. Here the truth is looked up: a simulation
has found it where most of its last quarter lies in the region of the other state and is as close to MD's frames of it
as these are to each other (as in proposals.py). Prints, by variant, how many simulations of each kind and source have
found it, and how many of those that end in each new state, or in a new state although they are as close to MD's other
frames of the state that was trained on as these are to each other, which is a false alarm; and over all variants of a
system, round by round, with Wilson's 95 % interval, and Fisher's exact test that the base's proposals find it no more
often than those of a null, and its clusters no more often than restarts.
"""

import json
import sys
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from proposals import Case, cases, closeness, differing_residues, distances
from record import write_record
from scipy.stats import binomtest, fisher_exact

from mdllm.core.records import read_json
from mdllm.verification.judge import last_quarter, read_simulated
from mdllm.verification.verdict import APART, CLUSTER, NEW_STATE, RESTART

DETAILED = "trp_cage_verified"
RECORDS = {DETAILED: "kept", "trp_cage_from_a": "kept_of_seeds", "trp_cage_rounds_from_a": "rounds"}


def looked_up(folder: Path, case: Case, reverse: Case) -> pd.DataFrame:
    """A row for each simulation of a variant: whether it is in the other state, and how near, or in that trained on."""
    proposals = pd.read_csv(folder / "proposals.csv")[["proposal", "kind", "source", "outcome"]]
    rows = []
    for simulation in pd.read_csv(folder / "simulations.csv").merge(proposals, on="proposal").itertuples():
        files = folder / "trajectories" / f"{simulation.proposal}_{simulation.replica}"
        row = {"simulation": files.name, "kind": simulation.kind, "source": simulation.source}
        row |= {"where": simulation.where, "found": False, "in_own_state": False}
        if files.with_suffix(".xtc").is_file() and simulation.where != APART:
            _, backbone = read_simulated(files.with_suffix(".pdb"), files.with_suffix(".xtc"))
            last = backbone[last_quarter(len(backbone)), :, :3]
            inside, near = of_state(last, case)
            first = distances(backbone[:1, :, :3], case.true, parts_and_limits(case)[0][0]).min()
            row |= {
                "found": bool(inside.mean() > 0.5),
                "in_own_state": bool(of_state(last, reverse)[0].mean() > 0.5),
                "share_there": round(float(inside.mean()), 2),
                "first_frame_nm": round(float(first), 3),
                "end_nm": round(float(np.median(near[0])), 3),
                "end_all_residues_nm": round(float(np.median(near[1])), 3),
            }
        rows.append(row)
    return pd.DataFrame(rows)


@cache
def parts_and_limits(case: Case) -> tuple[tuple, list[float]]:
    parts = differing_residues(case.starts, case.true), slice(None)
    return parts, [closeness(case, part) for part in parts]


def of_state(frames: np.ndarray, case: Case) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which frames are in the state of the case's true frames, and how near these are by part of the chain."""
    parts, limits = parts_and_limits(case)
    near = [distances(frames, case.true, part).min(1) for part in parts]
    return case.inside(frames) & (near[0] < limits[0]) & (near[1] < limits[1]), near


def counted(table: pd.DataFrame) -> list[dict]:
    """How many simulations of each kind and source have found the other state."""
    rows, model = [], {}
    for kind, own in table.groupby("kind", sort=False):
        counts = {source: (int(rows["found"].sum()), len(rows)) for source, rows in own.groupby("source", sort=False)}
        model[kind] = counts.get("model") or (model.get(CLUSTER) if kind == RESTART else None)
        new = own[own["where"].str.startswith(NEW_STATE)].groupby("source")
        of_new, alarms = new.size(), new["in_own_state"].sum()
        for source, (found, of) in counts.items():
            interval = binomtest(found, of).proportion_ci(method="wilson")
            row = {"kind": kind, "source": source, "found": found, "of": of}
            row |= {"in_new_states": int(of_new.get(source, 0)), "false_alarms": int(alarms.get(source, 0))}
            row |= {"low": round(float(interval.low), 4), "high": round(float(interval.high), 4)}
            if model[kind] and source != "model":
                both = [[count, all_of - count] for count, all_of in (model[kind], (found, of))]
                row["p_base_more"] = float(f"{fisher_exact(both, alternative='greater').pvalue:.2g}")
            rows.append(row)
    return rows


def in_new_states(table: pd.DataFrame) -> list[dict]:
    own = table[table["where"].str.startswith(NEW_STATE)]
    groups = own.groupby(["where", "source"])["found"]
    return [
        {"state": state, "source": source, "simulations": len(found), "found": int(found.sum())}
        for (state, source), found in groups
    ]


def main(*results: str) -> None:
    record, (from_a, from_b) = {}, islice(cases(), 2)
    for system in map(Path, results):
        both, tables = (from_b, from_a) if "from_b" in system.name else (from_a, from_b), {}
        for verdict in sorted(system.glob("*/verification/verdict.json")):
            folder, variant = verdict.parent, verdict.parent.parent.name
            tables[variant] = looked_up(folder, *both)
            record[f"{system.name}/{variant}"] = {
                "sentences": read_json(verdict)["sentences"],
                "simulated_ns": read_json(verdict)["simulated_ns"],
                "force_field": read_json(verdict)["force_field"],
                "counts": counted(tables[variant]),
                "new_states": in_new_states(tables[variant]),
            }
            if system.name == DETAILED:
                record[f"{system.name}/{variant}"]["simulations"] = json.loads(
                    tables[variant].to_json(orient="records")
                )
        for later in sorted({name.partition("_round_")[2] for name in tables}):
            of_round = [table for name, table in tables.items() if name.partition("_round_")[2] == later]
            if len(of_round) > 1:
                name = f"{system.name}{later and f', round {later}'}, all"
                record[name] = {"counts": counted(pd.concat(of_round))}
    first = Path(results[0]).name
    write_record(RECORDS.get(first, first.removeprefix("study_")), record)


if __name__ == "__main__":
    main(*sys.argv[1:])
