"""Tables of kinetics: one function per table, the same for MD, for a model, and (in part) for exact kinetics.

Columns are listed at each function. Every table has `source` first; times are ps; `low` and `high` bound the posterior
interval of the Markov model; `sd_runs` is the standard deviation over the runs that have a value, `runs` their number
where it may be smaller than that of all; `standard_error` is that of the value. A missing number is empty, and where it
is missing, or runs are, a note says why.
"""

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import pandas as pd

from mdllm.analysis.kinetics.discrete import DiscreteTrajectories
from mdllm.analysis.kinetics.lag_models import LagModels
from mdllm.analysis.kinetics.markov_models import MarkovModel
from mdllm.analysis.kinetics.passages import committors, passage_times, state_numbers, transition_counts
from mdllm.core.errors import InputError
from mdllm.observables.states import OUTSIDE

NOT_VARIABLES = ("code", "count", "state")
DIRECT, MSM = "direct", "msm"
_MUCH = 0.5


def state_masks(codebook: pd.DataFrame) -> dict[str, np.ndarray]:
    """Codes of each named state as masks (K,), states in alphabetical order.

    Raises:
        InputError: fewer than two states hold a code.
    """
    names = sorted(set(codebook["state"]) - {OUTSIDE})
    if len(names) < 2:
        raise InputError(
            f"states: {len(names)} of them hold the representative of a code, and kinetics need two; make the regions "
            "wider, or the codebook larger"
        )
    return {name: (codebook["state"] == name).to_numpy() for name in names}


def populations_table(
    source: str, codebook: pd.DataFrame, trajectories: DiscreteTrajectories, fitted: LagModels, confidence: float
) -> pd.DataFrame:
    """One row per code and per state: populations and free energies.

    Columns: source, level (code or state), name, code, every collective variable of the codebook; population (share of
    frames), sd_runs, standard_error; population_msm with _low and _high (stationary population of the Markov model, an
    estimate where trajectories do not start in equilibrium); free_energy_kt (-ln population, its minimum 0) with
    free_energy_error_kt (standard_error / population).
    """
    masks = state_masks(codebook)
    frames = np.arange(len(trajectories.concatenated))
    counts = trajectories.per_group(frames, trajectories.concatenated, trajectories.codebook_size)  # (G, K)
    size = trajectories.codebook_size
    parts = []
    for level, members in (("code", np.eye(size, dtype=bool)), ("state", np.array(list(masks.values())))):

        def of_model(model: MarkovModel, members=members) -> np.ndarray:
            return members @ np.nan_to_num(model.populations_of_codes(size))

        share = trajectories.estimate(lambda c, m=members: (c @ m.T) / c.sum(-1, keepdims=True), counts)
        low, high = fitted.interval(of_model, confidence)
        part = _population_rows(source, codebook, level, masks, share.value, share.standard_error)
        kept = members[:, fitted.model.codes].any(1)
        columns = {"population_msm": of_model(fitted.model), "population_msm_low": low, "population_msm_high": high}
        part["sd_runs"] = share.sd_runs
        for name, values in columns.items():
            part[name] = np.where(kept, values, np.nan)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def exact_populations(source: str, codebook: pd.DataFrame, populations: np.ndarray) -> pd.DataFrame:
    """The same table for populations of codes that are known, (K,)."""
    masks = state_masks(codebook)
    sums = {"code": populations, "state": np.array([populations[mask].sum() for mask in masks.values()])}
    parts = [_population_rows(source, codebook, level, masks, p, np.zeros_like(p)) for level, p in sums.items()]
    return pd.concat(parts, ignore_index=True)


def _population_rows(
    source: str, codebook: pd.DataFrame, level: str, masks: Mapping, population: np.ndarray, error: np.ndarray
) -> pd.DataFrame:
    variables = codebook[[name for name in codebook.columns if name not in NOT_VARIABLES]]
    rows = pd.DataFrame({"name": codebook["code"].astype(str), "code": codebook["code"]}).join(variables)
    if level == "state":
        rows = pd.DataFrame({"name": list(masks)}).reindex(columns=rows.columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = np.where(population > 0, -np.log(population), np.nan)
        relative = np.where(population > 0, error / population, np.nan)
    rows.insert(0, "level", level)
    rows.insert(0, "source", source)
    return rows.assign(
        population=population,
        standard_error=error,
        free_energy_kt=energy - np.nanmin(energy),
        free_energy_error_kt=relative,
    )


def timescale_rows(source: str, method: str, lag_ps: float, timescales: np.ndarray) -> pd.DataFrame:
    """Rows source, method, lag_ps (empty: of the dynamics itself), process (1 = slowest), timescale_ps."""
    return pd.DataFrame(
        {
            "source": source,
            "method": method,
            "lag_ps": lag_ps,
            "process": np.arange(len(timescales)) + 1,
            "timescale_ps": timescales,
        }
    )


def timescales_table(source: str, fitted: Mapping[int, LagModels], processes: int, confidence: float) -> pd.DataFrame:
    """Columns of `timescale_rows`, and low, high, sd_runs, standard_error, runs, share_kept, note.

    share_kept is that of the transitions, by the connected set.
    """
    parts = []
    for at_lag in fitted.values():

        def of_model(model: MarkovModel) -> np.ndarray:
            return model.timescales_ps(processes)

        low, high = at_lag.interval(of_model, confidence)
        rows = timescale_rows(source, MSM, at_lag.model.lag_ps, of_model(at_lag.model))
        spread, every = at_lag.spread(of_model), len(at_lag.runs)
        parts.append(
            rows.assign(
                low=low, high=high, **vars(spread), share_kept=at_lag.model.share_kept,
                note=[_runs_note(runs, every, "connect enough codes for this process") for runs in spread.runs],
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def mfpt_row(source: str, method: str, lag_ps: float, start: str, end: str, mfpt_ps: float, **more) -> dict:
    """One row of `mfpt_table`."""
    row = {"source": source, "method": method, "lag_ps": lag_ps, "start": start, "end": end, "mfpt_ps": mfpt_ps}
    return {**row, **more}


def mfpt_table(
    source: str,
    masks: Mapping[str, np.ndarray],
    trajectories: DiscreteTrajectories,
    fitted: Mapping[int, LagModels],
    confidence: float,
) -> pd.DataFrame:
    """Mean first passage times between all ordered pairs of states.

    Columns: source, method (direct: passages counted; msm), lag_ps (msm only), start, end, mfpt_ps, sd_runs,
    standard_error, runs, low, high (msm only), passages (direct only: those observed), unfinished (direct only: share
    of the starts that pass after the horizon), note.
    """
    rows, names, state = [], list(masks), state_numbers(masks)
    passages = {end: passage_times(trajectories, state, len(names), names.index(end)) for end in names}
    for start, end in permutations(names, 2):
        passage = passages[end][names.index(start)]
        mean = passage.mean_ps
        rows.append(
            mfpt_row(
                source, DIRECT, np.nan, start, end, float(mean.value), sd_runs=float(mean.sd_runs),
                standard_error=float(mean.standard_error), runs=int(mean.runs), passages=passage.passages,
                unfinished=passage.unfinished, note=_direct_note(passage, trajectories.runs),
            )
        )  # fmt: skip
        for at_lag in fitted.values():

            def of_model(model: MarkovModel, start=start, end=end) -> float:
                return model.mfpt_ps(masks[start], masks[end])

            low, high = at_lag.interval(of_model, confidence)
            spread = at_lag.spread(of_model)
            rows.append(
                mfpt_row(
                    source, MSM, at_lag.model.lag_ps, start, end, of_model(at_lag.model),
                    sd_runs=float(spread.sd_runs), standard_error=float(spread.standard_error), runs=int(spread.runs),
                    low=float(low), high=float(high), note=_msm_note(start, end, masks, at_lag, int(spread.runs)),
                )
            )  # fmt: skip
    return pd.DataFrame(rows)


def _msm_note(start: str, end: str, masks: Mapping[str, np.ndarray], at_lag: LagModels, runs: int) -> str:
    lost = [name for name in (start, end) if not masks[name][at_lag.model.codes].any()]
    if lost:
        return f"outside of the connected set: {', '.join(lost)}"
    return _runs_note(runs, len(at_lag.runs), f"connect {start} and {end}")


def _runs_note(runs: int, every: int, what: str) -> str:
    """What only some of the runs do, and so those alone that have a value; empty where all do."""
    return "" if runs == every else f"{runs} of {every} runs {what}"


def _direct_note(passage, runs: int) -> str:
    if passage.passages == 0:
        return "no passage observed"
    if np.isnan(passage.unfinished):
        return "no start could be followed for a quarter of a trajectory's length"
    notes = []
    if passage.unfinished > _MUCH:
        notes.append(f"more than {_MUCH:.0%} of the starts pass after the horizon, continued from the state there")
    if passage.mean_ps.runs < runs:
        notes.append(f"passages in {passage.mean_ps.runs} of {runs} runs")
    return "; ".join(notes)


def transitions_table(
    source: str,
    masks: Mapping[str, np.ndarray],
    trajectories: DiscreteTrajectories,
    commit: Mapping[int, float],
) -> pd.DataFrame:
    """Transitions per ns between all ordered pairs of states against the commit time.

    Columns: source, start, end, commit_ps, per_ns, sd_runs, standard_error, count.

    Args:
        commit: commit times in ps by frames of these trajectories.
    """
    names, rows = list(masks), []
    state = state_numbers(masks)
    time_ns = trajectories.time_ps()[:, None, None] / 1000
    for frames, commit_ps in commit.items():
        counts = transition_counts(trajectories, state, len(names), frames)
        rate = trajectories.estimate(np.divide, counts, time_ns)
        for i, j in permutations(range(len(names)), 2):
            errors = {"sd_runs": rate.sd_runs[i, j], "standard_error": rate.standard_error[i, j]}
            row = {"source": source, "start": names[i], "end": names[j], "commit_ps": commit_ps}
            rows.append({**row, "per_ns": rate.value[i, j], **errors, "count": int(counts.sum(0)[i, j])})
    return pd.DataFrame(rows)


def committor_table(
    source: str,
    codebook: pd.DataFrame,
    trajectories: DiscreteTrajectories,
    fitted: LagModels,
    pair: tuple[str, str] | None,
    confidence: float,
) -> pd.DataFrame:
    """Committors of every code between two states: how probable it is to come to `end` before `start`.

    Columns: source, method (direct: counted; msm: of the Markov model at its lag), start, end, code, state, every
    collective variable of the codebook, committor, sd_runs, standard_error, low, high (msm only), frames (direct only:
    those that come to one of both), left_out (direct only: share of those that do not).

    Args:
        pair: the two states; None: the first and the last by name.
    """
    masks = state_masks(codebook)
    start, end = pair or (min(masks), max(masks))
    for name in (start, end):
        if name not in masks:
            raise InputError(f"kinetics.committor: no code is in {name}; states with codes are {', '.join(masks)}")
    numbers, names = state_numbers(masks), list(masks)
    counted, frames, left_out = committors(trajectories, numbers, names.index(start), names.index(end))

    def of_model(model: MarkovModel) -> np.ndarray:
        return model.committor(masks[start], masks[end])

    known = codebook.drop(columns="count").assign(start=start, end=end)
    low, high = fitted.interval(of_model, confidence)
    spread = fitted.spread(of_model)
    direct = known.assign(
        method=DIRECT, committor=counted.value, sd_runs=counted.sd_runs, standard_error=counted.standard_error,
        frames=frames, left_out=left_out,
    )  # fmt: skip
    msm = known.assign(
        method=MSM, committor=of_model(fitted.model), sd_runs=spread.sd_runs, standard_error=spread.standard_error,
        low=low, high=high,
    )  # fmt: skip
    both = pd.concat([direct, msm], ignore_index=True).assign(source=source)
    first = ["source", "method", "start", "end"]
    return both[[*first, *(name for name in both.columns if name not in first)]]


def chapman_kolmogorov_table(
    source: str,
    masks: Mapping[str, np.ndarray],
    trajectories: DiscreteTrajectories,
    fitted: LagModels,
    lag: int,
    steps: int,
    confidence: float,
) -> pd.DataFrame:
    """Chapman-Kolmogorov test on the named states as crisp sets (Prinz et al., J. Chem. Phys. 134, 174105, 2011).

    Columns: source, start, end, lag_ps (multiples 1 ... `steps` of the model's lag), predicted with low and high (by
    the model at its lag), estimated with standard_error (share of the frames in `start` that are in `end` that much
    later, counted).
    """
    names, sets = list(masks), np.array(list(masks.values()))
    label = np.where(sets.any(0), sets.argmax(0), len(names))[trajectories.concatenated]
    rows = []
    for step in range(1, steps + 1):

        def of_model(model: MarkovModel, step=step) -> np.ndarray:
            return model.transition_probabilities(sets, step)

        predicted, (low, high) = of_model(fitted.model), fitted.interval(of_model, confidence)
        frames = np.arange(len(label) - step * lag)
        frames = frames[trajectories.trajectory[frames] == trajectories.trajectory[frames + step * lag]]
        size = len(names) + 1
        pair = label[frames] * size + label[frames + step * lag]
        counts = trajectories.per_group(frames, pair, size**2).reshape(-1, size, size)
        counted = trajectories.estimate(lambda c: c / c.sum(-1, keepdims=True), counts)
        for i, start in enumerate(names):
            for j, end in enumerate(names):
                model = {"predicted": predicted[i, j], "low": low[i, j], "high": high[i, j]}
                data = {"estimated": counted.value[i, j], "standard_error": counted.standard_error[i, j]}
                row = {"source": source, "start": start, "end": end, "lag_ps": step * fitted.model.lag_ps}
                rows.append({**row, **model, **data})
    return pd.DataFrame(rows)
