"""Scores of mutations against measurements: rank correlations of each protein, and a regression on the changes.

Axes: M mutants, P proteins, C the 23 changes.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm
from transformers import EsmForMaskedLM

from mdllm.collections.similarity import similar_pairs
from mdllm.core.bootstrap import interval_of_median
from mdllm.core.errors import InputError
from mdllm.seqdance.model import Dance
from mdllm.seqdance.mutations.changes import changes_of, scores
from mdllm.seqdance.mutations.references import blosum62, hydrophobicity, masked_likelihood

logger = logging.getLogger(__name__)
_CONFIDENCE, _RESAMPLES = 0.95, 1000
_FEWEST = 5  # mutants of which a rank correlation is one
_FOLDS = 5
_CHANGE = "change_"
_STRENGTHS = np.logspace(-3, 4, 15)
# Scores of one property alone, in SeqDance's paper no worse than all together.
_ALONE = ("sasa_mean_nm2", "psi")


def score_measured(measured: pd.DataFrame, dance: Dance, esm2: EsmForMaskedLM | None) -> pd.DataFrame:
    """The table of measured mutants with the columns of all scores, references, and changes (`change_PROPERTY`)."""
    tables = []
    for protein, own in tqdm(measured.groupby("protein", sort=False), desc="score", unit="protein", mininterval=1):
        sequence, mutants = own["sequence"].iloc[0], own["mutant"].tolist()
        all_tokens, residues = changes_of(dance, sequence, mutants, protein)
        columns = {name: values.to_numpy() for name, values in scores(all_tokens, residues).items()}
        columns |= {f"{name}_alone": -residues[name].to_numpy() for name in _ALONE if name in residues}
        columns |= {"blosum62": blosum62(mutants), "hydrophobicity": hydrophobicity(mutants)}
        if esm2 is not None:
            columns["esm2_likelihood"] = masked_likelihood(esm2, sequence, mutants)
        columns |= {_CHANGE + name: values.to_numpy() for name, values in residues.items()}
        tables.append(own.assign(**columns))
    return pd.concat(tables, ignore_index=True)


def correlations(scored: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Spearman correlation of each score with the measured values, of each protein.

    Returns:
        protein, score, mutants, spearman, and low and high, its 95 % interval over mutants that are resampled. Proteins
        with fewer than five mutants are left out, with a warning.
    """
    names = [name for name in scored.columns[4:] if not name.startswith(_CHANGE)]
    rows, few = [], []
    for protein, own in scored.groupby("protein", sort=False):
        if len(own) < _FEWEST:
            few.append(protein)
            continue
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(own), size=(_RESAMPLES, len(own)))
        values = own["value"].to_numpy()
        for name in names:
            score = own[name].to_numpy()
            rows.append((protein, name, len(own), _spearman(score, values), *_interval(score[draws], values[draws])))
    if few:
        logger.warning("%d proteins have fewer than %d mutants and are left out: %s", len(few), _FEWEST, few[:5])
    if not rows:
        raise InputError(f"no protein has {_FEWEST} mutants, which a rank correlation needs at least")
    return pd.DataFrame(rows, columns=["protein", "score", "mutants", "spearman", "low", "high"])


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Median of the proteins of each score, with its 95 % interval over proteins that are resampled."""
    rows = []
    for score, own in table.groupby("score", sort=False):
        values = own["spearman"].dropna().to_numpy()
        if len(values):
            found = interval_of_median(
                values, np.arange(len(values)), _CONFIDENCE, _RESAMPLES, np.random.default_rng(0)
            )
            rows.append((score, len(values), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["score", "proteins", "median_spearman", "low", "high"])


def with_homologs(measured: pd.DataFrame, training: dict[str, str], identity: float, scratch: Path) -> set[str]:
    """Proteins that are at least so identical to one that the model was trained on, as collections compare them."""
    sequences = measured.drop_duplicates("protein").set_index("protein")["sequence"].to_dict()
    return {pair.first for pair in similar_pairs(sequences, training, identity, scratch)}


def regression(scored: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Ridge regression of the measured values on the 23 changes, proteins held out in turn, beside predicting the mean.

    Logarithms of the changes, whose sizes differ by orders of magnitude, standardised; the strength of the
    regularisation is chosen within the training proteins.

    Returns:
        protein, mutant, value, predicted and mean_predicted (the mean of the training proteins); and mean absolute
        errors, in the unit of the values.

    Raises:
        InputError: fewer than two proteins.
    """
    proteins = scored["protein"].to_numpy()
    folds = min(_FOLDS, len(np.unique(proteins)))
    if folds < 2:
        raise InputError("a regression needs at least two proteins, of which one is held out")
    features = np.log(scored.filter(like=_CHANGE).to_numpy() + 1e-6)
    values = scored["value"].to_numpy()
    predicted, mean = np.empty(len(values)), np.empty(len(values))
    for train, test in GroupKFold(folds).split(features, values, proteins):
        model = make_pipeline(StandardScaler(), RidgeCV(_STRENGTHS)).fit(features[train], values[train])
        predicted[test], mean[test] = model.predict(features[test]), values[train].mean()
    table = scored[["protein", "mutant", "value"]].assign(predicted=predicted, mean_predicted=mean)
    errors = {
        "mean_absolute_error": float(np.abs(predicted - values).mean()),
        "mean_absolute_error_of_the_mean": float(np.abs(mean - values).mean()),
        "folds": folds,
        "mutants": len(values),
    }
    return table, errors


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """NaN where one of both is constant."""
    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan


def _interval(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Percentiles of the rank correlations of the rows of (N, M)."""
    ranks = [rankdata(values, axis=1) for values in (a, b)]
    centred = [own - own.mean(1, keepdims=True) for own in ranks]
    sizes = [np.sqrt((own**2).sum(1)) for own in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (centred[0] * centred[1]).sum(1) / (sizes[0] * sizes[1])
    found = found[np.isfinite(found)]
    if not len(found):
        return np.nan, np.nan
    return tuple(map(float, np.quantile(found, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])))
