"""Which part of the base brings proposals into the other state of Trp-cage, and what does the system's own model add?

``OMP_NUM_THREADS=1 python benchmarks/ablation.py COLLECTION FOLDER [PART] [PARTS] [SEEDS] [BASE]``. As in proposals.py:
starts are the training frames of one state, from A and from B, and a proposal is judged by the other, which nothing
here has seen. Drawn from the statistics of residue types (no base), from the base, from its copy that went on to learn
from the training frames, and from products of both, with the base alone where the training frames give no support, or
without that; *mixed*: half of the windows that the copy learns from are of the training proteins of COLLECTION
(``snakemake collect_large``, results/collections/large). SEEDS seeds, of the draws and of the tuning; intervals are
Student's t over seeds. What is done of one direction with one seed is kept in FOLDER; several processes share the work
as PART 0, 1, ... of PARTS, and the one that finds all of it done prints a table and writes records/ablation.json.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from proposals import Case, cases, closeness, differing_residues, judged
from record import write_record
from scipy.stats import t

from mdllm.bases.base import Base, find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, MixedSettings, ProposalSettings, TuningSettings
from mdllm.bases.spans import of_base, of_residue_types
from mdllm.bases.tune import joined_with, tuned
from mdllm.collections.reader import Collection

GROUPS = 6
UPDATES = 100
DIRECTIONS = 2  # of the cases of proposals.py
JOINED = {
    "copy alone, gated": {"weight": 1.0, "gated": True},
    "product 0.6": {"weight": 0.6, "gated": False},
    "product 0.6, gated": {"weight": 0.6, "gated": True},
    "product 0.3": {"weight": 0.3, "gated": False},
    "product 0.3, gated": {"weight": 0.3, "gated": True},
}
JOINED_MIXED = ("copy alone, gated", "product 0.6, gated", "product 0.3, gated")
MEASURES = ("in_region", "region_and_within_0.08_nm", "found", "groups_that_reach_it", "within_0.3_nm_of_starts")


def measured(case: Case, base: Base, collection: Collection, seed: int) -> dict[str, dict]:
    """What proposals from each source are worth."""
    parts = differing_residues(case.starts, case.true), slice(None)
    limits = tuple(closeness(case, part) for part in parts)
    starts = case.starts.astype(float)
    proposer = Proposer(base, starts, case.sequence, ProposalSettings())
    known = {"residue types, no base": of_residue_types(base, case.sequence), "base": of_base(base)}
    alone = TuningSettings(steps=UPDATES)
    mixed = TuningSettings(steps=UPDATES, mixed=MixedSettings(collection=collection.folder.name))
    for settings, names, after in ((alone, JOINED, ""), (mixed, JOINED_MIXED, ", mixed")):
        own = tuned(base, starts, proposer.molecule, settings, seed, collection)
        known |= {
            name + after: joined_with(base, own, starts, settings.model_copy(update=JOINED[name])) for name in names
        }
    found = {}
    for source, knowledge in known.items():
        made = np.concatenate([proposer.group(number, seed, knowledge).backbone for number in range(GROUPS)])
        found[source] = judged(made, case, parts, limits, GROUPS)
        print(case.name, seed, source, found[source], flush=True)
    return found


def main(
    collection: str,
    folder: str,
    part: str = "0",
    parts: str = "1",
    seeds: str = "5",
    name: str = COMES_WITH_MDLLM,
) -> None:
    base, others, kept = load_base(find_base(name)), Collection(Path(collection)), Path(folder)
    kept.mkdir(parents=True, exist_ok=True)
    directions = list(cases())[:DIRECTIONS]
    todo = [(case, seed) for seed in range(int(seeds)) for case in directions[:: 1 - 2 * (seed % 2)]]
    files = {kept / f"{case.name.replace(' ', '_')}_{seed}.json": (case, seed) for case, seed in todo}
    for path in list(files)[int(part) :: int(parts)]:
        if not path.exists():
            started = time.process_time()
            rows = measured(files[path][0], base, others, files[path][1])
            path.write_text(json.dumps({"processor_s": round(time.process_time() - started, 1), "rows": rows}))
    if not all(path.exists() for path in files):
        return
    found: dict[str, list[dict]] = {}
    for path, (case, _) in files.items():
        found.setdefault(case.name, []).append(json.loads(path.read_text()))
    results = {
        case: {source: summary([one["rows"][source] for one in every]) for source in every[0]["rows"]}
        for case, every in sorted(found.items())
    }
    beside = {
        case: {name: summary([less(one["rows"], f"{name}, mixed", name) for one in every]) for name in JOINED_MIXED}
        for case, every in sorted(found.items())
    }
    for case, rows in results.items():
        for source, row in rows.items():
            print(case, f"{source:28s}", row, flush=True)
    about = {"base": name, "seeds": int(seeds), "proposals_of_a_seed": GROUPS * ProposalSettings().group}
    about |= {"collection": others.folder.name, "share_mixed": MixedSettings(collection="x").share}
    about |= {"tuning": TuningSettings(steps=UPDATES).model_dump(include={"steps", "learning_rate"})}
    about |= {"processor_s": round(sum(one["processor_s"] for every in found.values() for one in every))}
    write_record("ablation", {**about, "cases": results, "mixed_less_not_mixed": beside})


def less(rows: dict[str, dict], one: str, other: str) -> dict[str, float]:
    """What one source has more than another, of the same seed, spans and starts."""
    return {key: rows[one][key] - rows[other][key] for key in MEASURES}


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
