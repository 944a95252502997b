"""Which proteins are alike in sequence: by mmseqs2 where it is installed, else by alignments of biopython.

Both give the same: pairs, and the identity of each, which is the number of identical residues in the best local
alignment (BLOSUM62, a gap of n residues costs 10 + n) over the length of the shorter sequence. A pair counts only if
its score is above chance: fewer than one in a thousand pairs of unrelated sequences of these lengths scores as high
(E of the pair, of Karlin & Altschul, PNAS 87, 2264, 1990). Without that, every 20 residues would be 30 % identical to
one protein in twelve. mmseqs2 looks only at pairs that share similar words of 5 residues, and may choose another of
several alignments that score alike: of the 1,493 pairs among the 557 proteins of config/collections/small.yaml, five
are others. It needs a sixth of the time. Where there are more than _THOROUGH pairs, as of many proteins among
themselves, it looks as its own highest sensitivity has it.
"""

import logging
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from mdllm.core.sequences import homology

logger = logging.getLogger(__name__)
# Gapped scores of BLOSUM62 with gaps of 11 and 1: Altschul et al., Nucleic Acids Res. 25, 3389 (1997), lambda and K.
_LAMBDA, _K = 0.267, 0.041
_BY_CHANCE = 1e-3
_THOROUGH = 5_000_000


class Pair(NamedTuple):
    first: str
    second: str
    identity: float


def method() -> str:
    """What compares sequences on this machine: mmseqs2 or biopython."""
    return "mmseqs2" if shutil.which("mmseqs") else "biopython"


def similar_pairs(
    ours: Mapping[str, str], others: Mapping[str, str] | None, least: float, scratch: Path, threads: int = 1
) -> list[Pair]:
    """Pairs of sequences that are at least `least` identical, sorted.

    Args:
        ours: sequences by name, X where a residue is unknown.
        others: those that ours are compared with; None: ours among themselves, each pair once.
        scratch: an existing folder for files of mmseqs2.
        threads: of mmseqs2.
    """
    compare = _by_mmseqs2 if method() == "mmseqs2" else _by_biopython
    return sorted(pair for pair in compare(ours, others, scratch, least, threads) if pair.identity >= least)


def _above_chance(bits: float, length: int, other: int) -> bool:
    return length * other * 2.0**-bits <= _BY_CHANCE


def _by_biopython(
    ours: Mapping[str, str], others: Mapping[str, str] | None, scratch: Path, least: float, threads: int
) -> list[Pair]:
    aligner = homology()
    names = list(ours)
    found = []
    for number, name in enumerate(tqdm(names, desc="compare", unit="sequence", mininterval=1)):
        against = names[number + 1 :] if others is None else list(others)
        for other in against:
            a, b = ours[name], (ours if others is None else others)[other]
            bits = (_LAMBDA * aligner.score(a, b) - math.log(_K)) / math.log(2)
            if _above_chance(bits, len(a), len(b)):
                same = aligner.align(a, b)[0].counts().identities
                found.append(Pair(name, other, same / min(len(a), len(b))))
    return found


def _by_mmseqs2(
    ours: Mapping[str, str], others: Mapping[str, str] | None, scratch: Path, least: float, threads: int
) -> list[Pair]:
    """Names do not reach the files: `mmseqs` would cut them at blanks and bars."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        tables = [list(ours.items()), list((ours if others is None else others).items())]
        files = [Path(folder, name) for name in ("queries.fasta", "targets.fasta")]
        for file, table in zip(files, tables, strict=True):
            file.write_text("".join(f">{number}\n{sequence}\n" for number, (_, sequence) in enumerate(table)))
        result = Path(folder, "result.tsv")
        options = ["--alignment-mode", "3", "--seq-id-mode", "1", "--min-seq-id", str(least)]
        thorough = len(tables[0]) * len(tables[1]) <= _THOROUGH
        options += ["-k", "5", "--k-score", "60", "-e", "1000"] if thorough else ["-s", "7.5", "-e", "10"]
        options += [
            "--max-seqs",
            str(len(tables[1])),
            "--mask",
            "0",
            "--comp-bias-corr",
            "0",
            "--threads",
            str(threads),
        ]
        options += ["--format-output", "query,target,fident,bits", "-v", "1"]
        command = ["mmseqs", "easy-search", *map(str, files), str(result), str(Path(folder, "work")), *options]
        subprocess.run(command, check=True)
        best: dict[tuple[int, int], float] = {}
        for line in result.read_text().splitlines():
            query, target, identity, bits = line.split("\t")
            i, j = int(query), int(target)
            lengths = len(tables[0][i][1]), len(tables[1][j][1])
            if (others is None and i == j) or not _above_chance(float(bits), *lengths):
                continue
            pair = (min(i, j), max(i, j)) if others is None else (i, j)
            best[pair] = max(best.get(pair, 0.0), float(identity))
    return [Pair(tables[0][i][0], tables[1][j][0], identity) for (i, j), identity in best.items()]
