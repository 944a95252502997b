"""Proteins in two conformers that no base has seen: how near do proposals from one of them come to the other?

``OMP_NUM_THREADS=1 python benchmarks/transfer.py COLLECTION [BASE] [PROPOSALS] [WORKERS]``, of
``results/collections/benchmarks`` (made by ``snakemake collect_benchmarks``: the multi-conformation sets of
bioemu-benchmarks, which the collection `large` leaves out, with all that is alike). From each conformer, as many
proposals of the base and of the null of residue types, which redraws the same spans; the best of them is that with the
smallest backbone RMSD to the other conformer. Beside all residues, the *span* of LOCAL residues that differs most
between the two is judged, superposed on itself. The share of the gap that is closed is 1 - best / RMSD between the
two; it is above zero for any proposals, as the best is chosen: what counts is the base beside its null. Intervals are
over proteins. Prints a table and writes records/transfer.json.
"""

import sys
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from record import write_record
from tqdm import tqdm

from mdllm.bases.base import find_base, load_base
from mdllm.bases.propose import Proposer
from mdllm.bases.settings import COMES_WITH_MDLLM, ProposalSettings
from mdllm.bases.spans import of_residue_types
from mdllm.collections.reader import Collection
from mdllm.core.bootstrap import interval_of_mean
from mdllm.core.geometry import pairwise_rmsd

APART_NM = 0.1
LONGEST = 300
LOCAL = 15
SEED = 0


def rmsd(frames: np.ndarray, target: np.ndarray, part: slice) -> np.ndarray:
    """RMSD (F,) in nm of backbones (F, L, 3, 3) over some residues."""
    points = (x[:, part].reshape(len(x), -1, 3).astype(float) for x in (frames, target[None]))
    return pairwise_rmsd(*points)[:, 0]


def differing_span(one: np.ndarray, other: np.ndarray) -> slice:
    """The LOCAL residues whose structures differ most."""
    length = min(LOCAL, len(one))
    firsts = range(len(one) - length + 1)
    apart = [rmsd(one[None], other, slice(first, first + length))[0] for first in firsts]
    first = int(np.argmax(apart))
    return slice(first, first + length)


def measured(folder: str, name: str, count: int, workers: int) -> pd.DataFrame:
    """A row for each protein, direction, source and part of the chain."""
    proteins = Collection(Path(folder)).proteins
    chosen = proteins[proteins["sequence"].str.len() <= LONGEST]
    longest_first = chosen["sequence"].str.len().sort_values(ascending=False, kind="stable").index
    work = partial(of_protein, folder, name, count)
    with get_context("spawn").Pool(workers) as pool:
        found = tqdm(pool.imap_unordered(work, longest_first), total=len(chosen), unit="protein", mininterval=5)
        rows = sorted(row for rows in found for row in rows)
    return pd.DataFrame(rows, columns=["set", "protein", "source", "where", "apart_nm", "best_nm", "closed"])


def of_protein(folder: str, name: str, count: int, protein: str) -> list[tuple]:
    """Its rows; none where it has no second conformer that is APART_NM from the first."""
    torch.set_num_threads(1)
    base, settings, collection = load_base(find_base(name)), ProposalSettings(), Collection(Path(folder))
    groups, rows = range(-(-count // settings.group)), []
    conformers = [np.asarray(run.backbone[0])[:, :3].astype(float) for run in collection.conformers(protein)[:2]]
    sequence = collection.proteins.loc[protein, "sequence"]
    if len(conformers) < 2 or rmsd(conformers[0][None], conformers[1], slice(None))[0] < APART_NM:
        return rows
    parts = {"all residues": slice(None), "span": differing_span(*conformers)}
    for start, target in (conformers, conformers[::-1]):
        proposer = Proposer(base, start[None], sequence, settings)
        for source, knowledge in (("base", None), ("residue types", of_residue_types(base, sequence))):
            made = np.concatenate([proposer.group(number, SEED, knowledge).backbone for number in groups])
            for where, part in parts.items():
                apart, best = rmsd(start[None], target, part)[0], rmsd(made, target, part).min()
                rows.append((protein.split("_")[0], protein, source, where, apart, best, max(1 - best / apart, 0)))
    return rows


def interval(values: pd.Series, proteins: pd.Series) -> list[float]:
    """Mean, lower and upper bound over proteins."""
    found = interval_of_mean(values.to_numpy(), proteins.factorize()[0], 0.95, 2000, np.random.default_rng(0))
    return [round(value, 3) for value in (found.value, found.low, found.high)]


def main(folder: str, name: str = COMES_WITH_MDLLM, count: str = "64", workers: str = "1") -> None:
    table = measured(folder, name, int(count), int(workers))
    sets = [
        {
            **{"where": where, "set": of, "source": source, "proteins": own["protein"].nunique()},
            "apart_median_nm": round(own["apart_nm"].median(), 3),
            "best_median_nm": round(own["best_nm"].median(), 3),
            "closed": interval(own["closed"], own["protein"]),
            "within_0.1_nm": round(float((own["best_nm"] < 0.1).mean()), 3),
        }
        for (where, of, source), own in table.groupby(["where", "set", "source"])
    ]
    keys = ["protein", "where", "apart_nm"]
    wide = table.pivot_table(index=keys, columns="source", values="closed").reset_index()
    more = {where: interval(own["base"] - own["residue types"], own["protein"]) for where, own in wide.groupby("where")}
    print(pd.DataFrame(sets).to_string())
    print("share of the gap that the base closes beyond its null:", more)
    about = {"base": name, "proposals": int(count), "settings": ProposalSettings().model_dump(mode="json")}
    write_record("transfer", {**about, "sets": sets, "closed_beyond_the_null": more})


if __name__ == "__main__":
    main(*sys.argv[1:])
