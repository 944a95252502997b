"""Scans and benchmarks of mutations into files."""

from pathlib import Path

import pandas as pd

from mdllm.core.errors import InputError
from mdllm.core.records import write_json
from mdllm.seqdance.model import Dance
from mdllm.seqdance.mutations.benchmark import correlations, medians, regression, score_measured, with_homologs
from mdllm.seqdance.mutations.changes import changes_of, scores
from mdllm.seqdance.mutations.measured import read_measured
from mdllm.seqdance.mutations.mutants import single_mutants, substitutions
from mdllm.seqdance.mutations.references import blosum62, hydrophobicity, masked_likelihood
from mdllm.seqdance.released import esm2_masked
from mdllm.seqdance.storage import read_proteins

SCAN = "scan.parquet"


def scan(name: str, sequence: str, dance: Dance, esm2: str | None, output: Path) -> pd.DataFrame:
    """Score all single substitutions of a sequence of one chain, and write `scan.parquet` into `output`.

    Its rows are mutants: protein, mutant, position (from 1), old, new, the scores of `mutations.changes` and the
    references; `change_PROPERTY` are the 23 changes, over residues and pairs of different residues.

    Args:
        esm2: see `mdllm.seqdance.released.find_weights`; None: without its likelihood.

    Raises:
        InputError: `output` exists; as `changes_of`.
    """
    _require_new(output)
    sequence = sequence.upper()
    masked = None if esm2 is None else esm2_masked(esm2).to(next(dance.network.parameters()).device)
    mutants = single_mutants(sequence)
    all_tokens, residues = changes_of(dance, sequence, mutants, name)
    old, position, new = zip(*(substitutions(mutant)[0] for mutant in mutants), strict=True)
    table = pd.DataFrame({"protein": name, "mutant": mutants, "position": position, "old": old, "new": new})
    for key, values in scores(all_tokens, residues).items():
        table[key] = values.to_numpy()
    table["blosum62"], table["hydrophobicity"] = blosum62(mutants), hydrophobicity(mutants)
    if masked is not None:
        table["esm2_likelihood"] = masked_likelihood(masked, sequence, mutants)
    table = pd.concat([table, residues.add_prefix("change_").reset_index(drop=True)], axis=1)
    output.mkdir(parents=True)
    table.to_parquet(output / SCAN, index=False)
    write_json(output / "scan.json", {"protein": name, "sequence": sequence, "model": dance.record, "esm2": esm2})
    return table


def benchmark(
    measured: list[Path], dance: Dance, esm2: str | None, trained_on: Path | None, identity: float, output: Path
) -> dict:
    """Score measured mutants, and write into `output` how far scores and measurements agree.

    `mutants.parquet` (scores and changes), `spearman.csv` (of each protein), `medians.csv` (over proteins; `of` says
    of all, or of those without homologs), `regression.csv` where there are two proteins, and `benchmark.json`.

    Args:
        trained_on: `proteins.csv` of the model's training, to tell apart proteins with homologs in it.
        identity: from which share of identical residues on a protein is a homolog.

    Raises:
        InputError: `output` exists, or a file cannot be read.
    """
    _require_new(output)
    table = read_measured(measured)
    training = None
    if trained_on is not None:
        known = read_proteins(trained_on)
        known = known[known["split"] == "train"]
        training = {f"{row.name}/{i}": chain for row in known.itertuples() for i, chain in enumerate(row.chains)}
    masked = None if esm2 is None else esm2_masked(esm2).to(next(dance.network.parameters()).device)
    scored = score_measured(table, dance, masked)
    found = correlations(scored)
    output.mkdir(parents=True)
    parts = [medians(found).assign(of="all")]
    record = {
        "measured_proteins": len(set(scored["protein"])),
        "proteins": len(set(found["protein"])),
        "mutants": len(scored),
        "esm2": esm2,
        "model": dance.record,
    }
    if training is not None:
        homologous = with_homologs(table, training, identity, output)
        found["homolog_in_training"] = found["protein"].isin(homologous)
        parts.append(medians(found[~found["homolog_in_training"]]).assign(of=f"no homolog from {identity} identity on"))
        record["proteins_with_homologs"] = len(homologous)
    if record["measured_proteins"] > 1:
        predicted, errors = regression(scored)
        predicted.to_csv(output / "regression.csv", index=False)
        record["regression"] = errors
    scored.to_parquet(output / "mutants.parquet", index=False)
    found.to_csv(output / "spearman.csv", index=False)
    pd.concat(parts).to_csv(output / "medians.csv", index=False)
    write_json(output / "benchmark.json", record)
    return record


def _require_new(output: Path) -> None:
    if output.exists():
        raise InputError(f"{output} exists; nothing is overwritten: name another folder")
