"""What a redrawn structure costs: a base joined with its tuned copy beside the copy alone, and a base beside its null.

``OMP_NUM_THREADS=1 python benchmarks/redraw.py``. Trp-cage (20 residues) and T4 lysozyme (162), the same spans, starts
and random numbers on all sides, one thread; sides take turns for ROUNDS groups, and the ratios of processor time within
a round are what counts. The copy is tuned by one update: what it says does not matter for its cost. Writes
records/redraw.json.
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

ROUNDS, SEED = 9, 0
RATIOS = {"product over the copy alone": ("product", "copy"), "base over residue types": ("base", "residue types")}


def main() -> None:
    torch.set_num_threads(1)
    base, settings, tuning, results = load_base(find_base(COMES_WITH_MDLLM)), ProposalSettings(), TuningSettings(), {}
    for case in list(cases())[::2]:  # one of each protein
        starts = case.starts.astype(float)
        proposer = Proposer(base, starts, case.sequence, settings)
        own = tuned(base, starts, proposer.molecule, tuning.model_copy(update={"steps": 1}), SEED)
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
            "processor_s_per_structure": {name: round(statistics.median(own), 4) for name, own in seconds.items()},
        }
        for name, (one, other) in RATIOS.items():
            ratios = [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]
            parts = {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
            results[case.name][name] = {part: round(value, 2) for part, value in parts.items()}
    write_record("redraw", {"rounds": ROUNDS, "settings": settings.model_dump(mode="json"), "cases": results})


if __name__ == "__main__":
    main()
