"""Measured effects of mutations, from the user's own copies of the mega-scale set and of ProteinGym.

Tables have columns protein, sequence (of the wild type), mutant, value; a larger value is a better protein.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mdllm.core.errors import InputError
from mdllm.seqdance.mutations.mutants import revert, substitutions

COLUMNS = ["protein", "sequence", "mutant", "value"]


def read_measured(paths: list[Path]) -> pd.DataFrame:
    """Measured substitutions of CSV files, each in the form that its columns show.

    Mega-scale (Tsuboyama et al., Nature 620, 434, 2023): WT_name, mut_type, aa_seq, ddG_ML in kcal/mol, positive where
    the mutant is more stable. ProteinGym (Notin et al., NeurIPS 36, 2023), a file for each assay: mutant,
    mutated_sequence, DMS_score. One's own: protein, sequence, mutant, value. What is no substitution (insertions,
    deletions, wild types) or has no number is left out. Mutants that were measured several times have their mean.

    Raises:
        InputError: a file is missing or has other columns, nothing is left of it, or mutant and sequence disagree.
    """
    found = pd.concat([_read(path) for path in paths], ignore_index=True)
    one = found.groupby("protein")["sequence"].nunique()
    if (one > 1).any():
        name = one.index[one > 1][0]
        raise InputError(f"{name}: its mutants have {one[name]} different wild types; give each a name of its own")
    return found.groupby(COLUMNS[:3], sort=False, as_index=False)["value"].mean()


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    table = pd.read_csv(path, low_memory=False)
    if {"WT_name", "mut_type", "aa_seq", "ddG_ML"} <= set(table):
        names = {"WT_name": "protein", "mut_type": "mutant", "aa_seq": "mutated", "ddG_ML": "value"}
        table = table.rename(columns=names)
        table["protein"] = table["protein"].str.removesuffix(".pdb")
    elif {"mutant", "mutated_sequence", "DMS_score"} <= set(table):
        table = table.rename(columns={"mutated_sequence": "mutated", "DMS_score": "value"}).assign(protein=path.stem)
    elif not set(COLUMNS) <= set(table):
        raise InputError(
            f"{path} has the columns {', '.join(map(str, table.columns[:6]))} ...; known are those of the mega-scale "
            "set (WT_name, mut_type, aa_seq, ddG_ML), of ProteinGym (mutant, mutated_sequence, DMS_score), and "
            "protein, sequence, mutant, value"
        )
    table["value"] = pd.to_numeric(table["value"], errors="coerce")  # the mega-scale set writes "-" where there is none
    substituted = table["mutant"].astype(str).map(substitutions).notna()
    table = table[substituted & np.isfinite(table["value"])]
    if table.empty:
        raise InputError(f"{path} has no substitution, such as A12G, with a number")
    if "sequence" not in table or "mutated" in table:
        rows = zip(table["mutated"], table["mutant"], strict=True)
        table = table.assign(sequence=[revert(sequence, mutant, str(path)) for sequence, mutant in rows])
    return table[COLUMNS]
