"""Which part of the base brings proposals into the other state of Trp-cage, and what does the system's own model add?

``OMP_NUM_THREADS=1 python benchmarks/ablation.py [BASE] [SEEDS] [CASES]``. As in proposals.py: starts are the training
frames of one state, and a proposal is judged by the other, which nothing here has seen. Drawn from the statistics of
residue types (no base), from the base, from its copy that went on to learn from the training frames, and from products
of both, with the base alone where the training frames give no support, or without that. SEEDS seeds, of the draws and
of the tuning, and the first CASES of the two directions, from A and from B; intervals are Student's t over seeds.
Prints a table and writes records/ablation.json.
"""

import sys

import numpy as np
from proposals import cases, closeness, differing_residues, judged
from record import write_record
from scipy.stats import t

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings, TuningSettings
from mdllm.bases.spans import of_base, of_residue_types
from mdllm.bases.tune import joined_with, tuned

GROUPS = 25
TUNED = {
    "tuned alone": {"weight": 1.0, "gated": False},
    "product 0.6": {"weight": 0.6, "gated": False},
    "product 0.3": {"weight": 0.3, "gated": False},
    "tuned alone, gated": {"weight": 1.0, "gated": True},
    "product 0.6, gated": {"weight": 0.6, "gated": True},
    "product 0.3, gated": {"weight": 0.3, "gated": True},
}
MEASURES = ("in_region", "region_and_within_0.08_nm", "found", "groups_that_reach_it", "within_0.3_nm_of_starts")


def main(name: str = COMES_WITH_MDLLM, seeds: str = "5", directions: str = "2") -> None:
    base, settings = load_base(find_base(name)), ProposalSettings()
    results = {}
    for case in list(cases())[: int(directions)]:
        parts = differing_residues(case.starts, case.true), slice(None)
        limits = tuple(closeness(case, part) for part in parts)
        starts = case.starts.astype(float)
        proposer = Proposer(base, starts, case.sequence, settings)
        found: dict[str, list[dict]] = {}
        for seed in range(int(seeds)):
            known = {"residue types, no base": of_residue_types(base, case.sequence), "base": of_base(base)}
            own = tuned(base, starts, proposer.molecule, TuningSettings(), seed)
            known |= {key: joined_with(base, own, starts, TuningSettings(**value)) for key, value in TUNED.items()}
            for source, knowledge in known.items():
                made = np.concatenate([proposer.group(number, seed, knowledge).backbone for number in range(GROUPS)])
                found.setdefault(source, []).append(judged(made, case, parts, limits, GROUPS))
                print(case.name, seed, source, found[source][-1], flush=True)
        results[case.name] = {source: summary(rows) for source, rows in found.items()}
        for source, row in results[case.name].items():
            print(case.name, f"{source:24s}", row, flush=True)
    tuning = TuningSettings().model_dump(exclude={"weight", "gated"})
    write_record("ablation", {"base": name, "seeds": int(seeds), "groups": GROUPS, "tuning": tuning, "cases": results})


def summary(rows: list[dict]) -> dict:
    """Mean over seeds, and half of the 95 % interval of the mean."""
    made = {}
    for key in MEASURES:
        values = np.array([row[key] for row in rows], float)
        half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        made[key] = {"mean": round(float(values.mean()), 5), "half": round(float(half), 5)}
    return made


if __name__ == "__main__":
    main(*sys.argv[1:])
