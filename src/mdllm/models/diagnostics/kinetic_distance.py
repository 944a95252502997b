"""Kinetic distances between codes, from a nanogpt's embeddings, from its predictions, and from MD.

Of two codes l and m it is the mean time between two jumps from one to the other, in either direction:
1 / (Q_l P(m|l) + Q_m P(l|m)), with Q the share of a code in MD. P(m|l), the probability of m one frame after l, is that
of

- `md`: the jumps that are counted in MD;
- `model`: the model's prediction after a context of the one frame l;
- `linearized`: exp(x_l x'_m), normalized over m, where x_l is the embedding of l and x'_m = M^T D^T e_m, the output
  embedding of m, the gradient of the logit of m with respect to the embedding of a context of the one frame m;
- `embeddings`: the same with x'_m = D^T e_m, a row of the output matrix, as if blocks passed on what enters (M = 1).

The text calls this distance equivalent to the average commute time; `md_commute` is that time, from l to m and back, of
the chain of MD's jumps. The two are proportional where there are two codes, and not otherwise: codes that exchange by
way of others are never at a finite distance.

Source: nano-GPT (Zeng & Yao, ICML 2024), Eq. 10-12; the correction C_m of Eq. 10 is left out as in Eq. 11.
Axes: K codes, F frames, H hidden size.
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from deeptime.markov import TransitionCountModel
from deeptime.markov.tools.analysis import mfpt
from scipy.stats import spearmanr

from mdllm.core.errors import InputError
from mdllm.core.records import read_npz
from mdllm.language.forms import load_language
from mdllm.language.series import CodeSeries
from mdllm.models.base import load_model
from mdllm.models.likelihood import code_log_probabilities
from mdllm.models.nanogpt import NanoGpt

MD, COMMUTE, MODEL, LINEARIZED, EMBEDDINGS = "md", "md_commute", "model", "linearized", "embeddings"


def kinetic_distances(
    codes_file: Path, codebook_file: Path, model_folder: Path, pairs_file: Path, agreement_file: Path
):
    """Write a row for each source and pair of codes, and a row for each source beside MD (CSV both).

    Columns of the pairs: source, code_1 < code_2, state_1 and state_2 (named states of the codes), jumps (of MD, in
    either direction), time_ps (frames where the interval is unknown; empty: infinite, or not known). Of the agreement:
    source, pairs (that both have), rank_correlation (Spearman), median_ratio (of the times to MD's).

    Args:
        codes_file: npz that `CodeSeries.load` reads; MD is the frames that the model has learned.
        codebook_file: CSV with the `state` of each code.
        model_folder: the folder `model` of a nanogpt.

    Raises:
        InputError: frames with several codes, or no two successive ones.
    """
    series, model = CodeSeries.load(codes_file), load_model(model_folder)
    ids = torch.as_tensor(load_language(model_folder / "vocabulary.json").ids[0])
    jumps = counted_jumps(series)
    leaving = jumps.sum(1)
    share = leaving / leaving.sum()
    with np.errstate(invalid="ignore"):
        p_md = jumps / leaving[:, None]
    times = {
        MD: distance(share, p_md),
        COMMUTE: commute_times(jumps),
        MODEL: distance(share, predicted(model, ids)),
        LINEARIZED: distance(share, linearized(model, ids)),
        EMBEDDINGS: distance(share, of_embeddings(model, ids)),
    }
    interval = float(np.nan_to_num(read_npz(codes_file)["interval_ps"], nan=1.0))
    states = pd.read_csv(codebook_file, keep_default_na=False)["state"].to_numpy()
    first, second = np.array(list(combinations(range(len(states)), 2))).T
    pairs = pd.DataFrame(
        {
            "code_1": first,
            "code_2": second,
            "state_1": states[first],
            "state_2": states[second],
            "jumps": (jumps + jumps.T)[first, second],
        }
    )
    tables = [pairs.assign(source=source, time_ps=t[first, second] * interval) for source, t in times.items()]
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "source", table.pop("source"))
    table.to_csv(pairs_file, index=False)
    agreement(table).to_csv(agreement_file, index=False)


def counted_jumps(series: CodeSeries) -> np.ndarray:
    """Pairs of successive frames (K, K) by their codes; none straddles a gap or a border of segments.

    Raises:
        InputError: frames with several codes, or no two successive ones.
    """
    if series.residues != 1:
        raise InputError("kinetic distances: frames have several codes; they are made for one code per frame")
    codes, stretches = series.codes[:, 0], series.stretches()
    together = np.flatnonzero(stretches[1:] == stretches[:-1])
    if not len(together):
        raise InputError("kinetic distances: no two frames follow one another in a stretch of training frames")
    jumps = np.zeros((series.codebook_size, series.codebook_size), dtype=int)
    np.add.at(jumps, (codes[together], codes[together + 1]), 1)
    return jumps


def distance(share: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Eq. 12 (K, K) in frames, of the codes' shares Q (K,) and P(m|l) (K, K) with l along the rows; NaN for no jumps.

    A code that MD has never left has no row of P, and counts as one from which nothing jumps.
    """
    flow = np.nan_to_num(share[:, None] * p)
    with np.errstate(divide="ignore"):
        time = 1 / (flow + flow.T)
    return np.where(np.isinf(time), np.nan, time)


def commute_times(jumps: np.ndarray) -> np.ndarray:
    """Mean first passage time from l to m, and back, (K, K) in frames; NaN beyond the largest connected set."""
    kept = TransitionCountModel(jumps).submodel_largest()
    matrix = kept.count_matrix / kept.count_matrix.sum(1, keepdims=True)
    there = np.array([mfpt(matrix, end) for end in range(len(matrix))]).T
    times = np.full(jumps.shape, np.nan)
    times[np.ix_(kept.state_symbols, kept.state_symbols)] = there + there.T
    return times


@torch.inference_mode()
def predicted(model: NanoGpt, ids: torch.Tensor) -> np.ndarray:
    """P(m|l) (K, K) after a context of the one frame l, of the tokens `ids` (K,)."""
    logits = model(ids[:, None]).logits[:, -1]
    return code_log_probabilities(logits, ids).double().exp().numpy()


@torch.inference_mode()
def of_embeddings(model: NanoGpt, ids: torch.Tensor) -> np.ndarray:
    """P(m|l) (K, K) of Eq. 11 with the rows of the output matrix as output embeddings."""
    products = model.get_input_embeddings().weight[ids] @ model.get_output_embeddings().weight[ids].T
    return products.double().softmax(-1).numpy()


def linearized(model: NanoGpt, ids: torch.Tensor) -> np.ndarray:
    """P(m|l) (K, K) of Eq. 11 with the slopes of the logits as output embeddings."""
    embeddings = model.get_input_embeddings().weight[ids].detach()
    at = embeddings[:, None].clone().requires_grad_()  # (K, T = 1, H)
    logits = model(inputs_embeds=at).logits[:, -1]
    own = logits.gather(-1, ids[:, None]).sum()  # contexts know nothing of one another
    (gradient,) = torch.autograd.grad(own, at)
    products = embeddings @ gradient[:, 0].T
    return products.double().softmax(-1).numpy()


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Each source beside MD, over the pairs that both have; empty correlations for fewer than three pairs."""
    times = table.pivot_table(index=["code_1", "code_2"], columns="source", values="time_ps")
    rows = []
    for source in (COMMUTE, MODEL, LINEARIZED, EMBEDDINGS):
        both = times[[MD, source]].dropna()
        rank = spearmanr(both[MD], both[source]).statistic if len(both) > 2 else np.nan
        rows.append((source, len(both), rank, (both[source] / both[MD]).median()))
    return pd.DataFrame(rows, columns=["source", "pairs", "rank_correlation", "median_ratio"])
