"""What a redrawn structure costs, and an update of tuning: a product beside the copy alone, a base beside its null.

``OMP_NUM_THREADS=1 python benchmarks/redraw.py``. Trp-cage (20 residues) and T4 lysozyme (162), the same spans, starts
and random numbers on all sides, one thread; sides take turns for ROUNDS groups, and the ratios of processor time within
a round are what counts. The copy is tuned by 1 and by UPDATES more updates: what it says does not matter for its cost,
and the difference of both is that of an update. Writes records/redraw.json.
"""

import statistics
import time

import torch
from proposals import cases
from record import write_record

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings, TuningSettings
from mdllm.bases.spans import of_base, of_residue_types
from mdllm.bases.tune import joined_with, tuned

ROUNDS, UPDATES, SEED = 9, 20, 0
RATIOS = {"product over the copy alone": ("product", "copy"), "base over residue types": ("base", "residue types")}


def main() -> None:
    torch.set_num_threads(1)
    base, settings, tuning, results = load_base(find_base(COMES_WITH_MDLLM)), ProposalSettings(), TuningSettings(), {}
    for case in list(cases())[:4:2]:  # one of Trp-cage, one of T4 lysozyme
        starts = case.starts.astype(float)
        proposer = Proposer(base, starts, case.sequence, settings)
        taken = []
        for steps in (1, 1, 1 + UPDATES):  # the first one imports what is needed
            started = time.process_time()
            own = tuned(base, starts, proposer.molecule, tuning.model_copy(update={"steps": steps}), SEED)
            taken.append(time.process_time() - started)
        known = {
            "residue types": of_residue_types(base, case.sequence),
            "base": of_base(base),
            "copy": of_base(own),
            "product": joined_with(base, own, starts, tuning),
        }
        seconds: dict[str, list[float]] = {source: [] for source in known}
        for number in range(ROUNDS + 1):
            for source, knowledge in known.items():
                started = time.process_time()
                proposer.group(number, SEED, knowledge)
                seconds[source].append((time.process_time() - started) / settings.group)
        seconds = {source: values[1:] for source, values in seconds.items()}  # the first group warms up
        results[case.name] = {
            "residues": len(case.sequence),
            "processor_s_per_update": round((taken[2] - taken[1]) / UPDATES, 4),
            "processor_s_per_structure": {name: round(statistics.median(own), 4) for name, own in seconds.items()},
        }
        for name, (one, other) in RATIOS.items():
            ratios = [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]
            parts = {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
            results[case.name][name] = {part: round(value, 2) for part, value in parts.items()}
    write_record("redraw", {"rounds": ROUNDS, "settings": settings.model_dump(mode="json"), "cases": results})


if __name__ == "__main__":
    main()
