"""What the simulations say of each proposal, and of the model beside its nulls, in numbers and in plain words."""

import pandas as pd

from mdllm.ensembles.names import NULLS

RETURNED, STAYED, ELSEWHERE, APART = "returned", "stayed", "elsewhere", "fell apart"
_NAMES = {RETURNED: "returned", STAYED: "stayed", ELSEWHERE: "elsewhere", APART: "fell apart"}
# Kinds of proposals; restarts are training frames that adaptive sampling without a model would simulate.
CLUSTER, STATE, RANDOM, RESTART, TRAINING = "cluster", "state", "random", "restart", "training"
LAST_FRAMES, LEAST_VISITED = "last_frames", "least_visited"  # sources of restarts
UNDECIDED = "undecided"
NEW_STATE = "new state"  # and its number
LOST = (RETURNED, ELSEWHERE, APART, UNDECIDED)  # all other outcomes are kept: near the proposal, or in a named state
_WORDS = {STAYED: ("stays", "stay"), RETURNED: ("returns", "return"), ELSEWHERE: ("goes elsewhere", "go elsewhere")}
_WORDS |= {APART: ("falls apart", "fall apart"), UNDECIDED: ("is undecided", "are undecided")}
_OF = {"model": "the model", **NULLS}
_NOUNS = {
    CLUSTER: {name: (f"new cluster of {words}", f"new clusters of {words}") for name, words in _OF.items()},
    RANDOM: {name: (f"random frame of {words}", f"random frames of {words}") for name, words in _OF.items()},
    RESTART: {
        LAST_FRAMES: ("simulation of plain MD", "simulations of plain MD"),
        LEAST_VISITED: ("restart from a least-visited cluster", "restarts from least-visited clusters"),
    },
    TRAINING: {"training": ("training frame", "training frames")},
}


def proposal_table(proposals: pd.DataFrame, simulations: pd.DataFrame) -> pd.DataFrame:
    """`proposals.csv` with what became of each.

    New columns: replicas; share_returned, share_stayed, share_elsewhere, share_apart, share_reached (a named state), of
    the replicas; outcome, where more than half of them end, or undecided; energy_above_training_kj_mol, the median
    after minimization less that of the training frames; drift_nm, novelty_end, medians over the replicas.

    Args:
        simulations: `verification/simulations.csv`, one row per proposal and replica.
    """
    own = simulations.groupby("proposal", sort=False)
    training = proposals.loc[proposals["kind"] == TRAINING, "proposal"]
    baseline = simulations.loc[simulations["proposal"].isin(training), "minimized_energy_kj_mol"].median()
    rows = []
    for name, rows_of in own:
        share = rows_of["where"].value_counts(normalize=True)
        usual = {key: share.get(key, 0.0) for key in _NAMES}
        rows.append(
            {
                "proposal": name,
                "replicas": len(rows_of),
                **{f"share_{'apart' if key == APART else key}": value for key, value in usual.items()},
                "share_reached": 1 - sum(usual.values()),
                "outcome": share.index[0] if share.iloc[0] > 0.5 else UNDECIDED,
                "energy_above_training_kj_mol": rows_of["minimized_energy_kj_mol"].median() - baseline,
                "drift_nm": rows_of["drift_nm"].median(),
                "novelty_end": rows_of["novelty"].median(),
            }
        )
    return proposals.merge(pd.DataFrame(rows), on="proposal")


def sentences(table: pd.DataFrame) -> list[str]:
    """One for each source and kind of proposal: "3 of 9 new clusters of the model stay, 5 return, 1 falls apart".

    And one more where no training frame has stayed whole, from which limits would be.
    """
    found = []
    for (kind, source, state), own in table.assign(state=_state(table)).groupby(
        ["kind", "source", "state"], sort=False
    ):
        one, several = _NOUNS.get(kind, {}).get(
            source, tuple(f"{frames} of {_OF.get(source)} in {state}" for frames in ("frame", "frames"))
        )
        counts = own["outcome"].value_counts()
        order = [STAYED, *sorted(set(counts.index) - set(_WORDS)), RETURNED, ELSEWHERE, APART, UNDECIDED]
        parts = [(int(counts[outcome]), outcome) for outcome in order if outcome in counts.index]
        (count, outcome), *others = parts
        text = f"{count} of {len(own)} {one if len(own) == 1 else several} {_word(outcome, count, kind)}"
        found.append(text + "".join(f", {count} {_word(outcome, count, kind)}" for count, outcome in others))
    training = table["kind"] == TRAINING
    if training.any() and (table.loc[training, "share_apart"] == 1).all():
        found.append(
            "no training frame stays whole, so that limits are those of held-out MD; look at verification.solvent, "
            "time_step_ps and the raw frames before any of this is trusted"
        )
    return found


def states_shown(where: pd.Series, most: int) -> dict[str, str]:
    """Which states a figure tells apart: those that most simulations end in, and one word for all others.

    Args:
        where: of the simulations.
        most: colours that there are.

    Returns:
        what each state is shown as, in the order of a legend: named states first, and new ones by their numbers.
    """
    states = where[~where.isin(_NAMES)].value_counts()
    apart = set(states.index if len(states) <= most else states.index[: most - 1])
    order = sorted(states.index, key=lambda state: (state not in apart, state.startswith(NEW_STATE), len(state), state))
    return {state: in_words(state) if state in apart else "other states" for state in order}


def _state(table: pd.DataFrame) -> pd.Series:
    """Name of the state of proposals of kind state; empty otherwise."""
    return table["group"].astype(str).str.rpartition("_")[0].where(table["kind"] == STATE, "")


def _word(outcome: str, count: int, kind: str) -> str:
    if kind == TRAINING and outcome == RETURNED:
        return "stays among the training frames" if count == 1 else "stay among the training frames"
    one, several = _WORDS.get(outcome, (f"reaches {in_words(outcome)}", f"reach {in_words(outcome)}"))
    return one if count == 1 else several


def in_words(state: str) -> str:
    """ "new state 1", or "state B" of a named one."""
    return state if state.startswith(NEW_STATE) else f"state {state}"
