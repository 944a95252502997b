"""Two conformers of a protein: how near the tokenizer `chain` codes one of them when it knows the other alone.

``OMP_NUM_THREADS=1 python benchmarks/pairs.py results/collections/benchmarks results/collections/small`` after
``snakemake collect_benchmarks collect_small``. Takes the first and the last conformer of every protein, in both
directions, if their backbones are at least 0.1 nm apart; prints a table and writes records/pairs.json. Backbone RMSD
(N, CA, C) after superposition, in nm. The codebook comes from the training proteins of `small`; no protein of
`benchmarks` is alike to one of them.
"""

import sys
import time
from pathlib import Path

import numpy as np
from record import write_record

from mdllm.collections.reader import Collection
from mdllm.core.geometry import rmsd
from mdllm.tokenizers.chain.settings import ChainSettings
from mdllm.tokenizers.chain.tokenizer import Chain

APART_NM = 0.1


def pairs(collection: Collection):
    """Name, and two conformers (1, L, 3, 3), of each protein with two that are apart."""
    for protein in collection.names():
        segments = collection.conformers(protein)
        first, last = segments[0].backbone[:1], segments[-1].backbone[-1:]
        ends = [np.asarray(frame)[:, :, :3] for frame in (first, last)]
        if rmsd(ends[0], ends[1][0])[0] >= APART_NM:
            yield protein, *ends


def errors(collection: Collection, settings: ChainSettings) -> dict[str, list[float]]:
    """RMSD of each conformer after encode -> decode by a tokenizer fitted on the other."""
    found = {}
    for protein, first, last in pairs(collection):
        found[protein] = []
        for known, other in ((first, last), (last, first)):
            tokenizer = Chain.fit(known, settings, seed=0)
            found[protein].append(float(rmsd(tokenizer.decode(tokenizer.encode(other)), other)[0]))
    return found


def main(folders: list[str]) -> None:
    settings = ChainSettings(name="chain")
    results = {}
    for folder in folders:
        collection, started = Collection(Path(folder)), time.process_time()
        found = errors(collection, settings)
        values = np.array(list(found.values())).reshape(-1)
        worst = max(found, key=lambda protein: max(found[protein]))
        results[collection.folder.name] = {
            "pairs": len(found),
            "median_nm": round(float(np.median(values)), 4),
            "90_percent_nm": round(float(np.quantile(values, 0.9)), 4),
            "worst_nm": round(float(values.max()), 4),
            "worst": worst,
            "processor_s": round(time.process_time() - started, 1),
        }
        print(collection.folder.name, results[collection.folder.name], flush=True)
    write_record("pairs", {"settings": settings.model_dump(mode="json"), **results})


if __name__ == "__main__":
    main(sys.argv[1:])
