"""Sections of `summary.json` about new frames: their clusters, and what MD makes of them."""

from pydantic import Field

from mdllm.report.schema.section import Interval, Section


class NewCluster(Section):
    """New frames of the model that are alike; no state before MD has kept it."""

    cluster: int = Field(description="number, from 1, the most frequent first")
    frames: int = Field(description="generated frames in it")
    share: Interval = Field(description="share of the generated frames")
    replicas_reached: int
    first_frame: int = Field(description="first generated frame in it, over all replicas")
    rmsd_nm: float = Field(description="backbone RMSD of its medoid to the nearest training frame, nm")
    residues_moved: str = Field(description="residues whose torsions differ from the training frames by more than MD")
    log_likelihood_per_code_nats: float | None = Field(description="mean under the model, nats")
    times_more: dict[str, Interval] = Field(
        description="the model's share divided by that of each null; a lower bound where the null never reaches it"
    )
    more_often_than_nulls: bool | None = Field(description="the interval lies above 1 for every null")
    structures_no_worse: bool = Field(description="quality of its structures, beside encode->decode of training frames")
    verdict: str = Field(description="the same in words")


class NoveltySummary(Section):
    """Generated frames that are further from all training frames than held-out MD."""

    held_out: str = Field(description="which MD frames were held out")
    held_out_frames: int
    quantile: float = Field(description="of the novelty of held-out MD frames, beyond which a frame is new")
    span_residues: int = Field(description="residues of the sliding spans that are compared")
    share_new: dict[str, Interval] = Field(description="share of new frames by source, held-out MD among them")
    clusters_found: int = Field(description="clusters of the model's new frames")
    clusters: int = Field(description="those looked at, the largest")
    clusters_more_often: int = Field(description="clusters that the model reaches more often than every null")
    largest: list[NewCluster] = Field(description="the largest; all are in `novelty/clusters.csv`")
    verdict: str = Field(description="the same in words")


class VerifiedProposal(Section):
    """A frame of the model, of a null or of MD, and where short simulations of it end."""

    proposal: str
    kind: str = Field(
        description="cluster of new frames, state that was not trained on, random frame, restart (plain MD, or from "
        "the least-visited clusters), or training frame"
    )
    source: str
    replicas: int
    outcome: str = Field(
        description="returned (to the training frames), stayed, a state's name, `new state` and its number (where "
        "simulations of several proposals meet), elsewhere, fell apart, or undecided"
    )
    share_returned: float = Field(description="share of the replicas that end near the training frames")
    share_stayed: float = Field(description="that end near the proposal")
    share_reached: float = Field(description="that end in a state, named or new")
    share_elsewhere: float
    share_apart: float = Field(description="that cannot be relaxed")
    energy_above_training_kj_mol: float | None = Field(description="after minimization, beside training frames, kJ/mol")
    drift_nm: float | None = Field(description="median RMSD of the ends to the proposal, nm")


class ReachedState(Section):
    """How many proposals of one kind and source end in a state that is named, or in which simulations have met."""

    state: str
    kind: str
    source: str
    proposals: int
    of: int
    share: float
    low: float = Field(description="of the share, Wilson's 95 % interval")
    high: float
    p_model_more: float | None = Field(
        description="Fisher's exact test, that the model's proposals end there no more often; none for the model"
    )
    more_often: bool | None = Field(
        description="of the model: more often than those of every null, and new clusters than restarts (each p below "
        "0.05 / number of states)"
    )


class Round(Section):
    """What the proposals of one source have cost and found in one round."""

    round: int
    source: str
    proposals: int
    simulated_ns: float = Field(description="of these proposals, ns")
    kept: int = Field(description="proposals that MD has kept")
    states: int = Field(description="different states, named or new, that they end in")
    kept_per_ns: float | None
    states_per_ns: float | None


class VerificationSummary(Section):
    """What MD says of the model's new frames, beside those of its nulls."""

    force_field: list[str]
    solvent: str
    length_ps: float = Field(description="of each simulation, ps")
    replicas: int = Field(description="simulations of each proposal")
    simulated_ns: float = Field(description="of all of them together, ns")
    side_chains: str = Field(description="where they come from")
    limit: float = Field(
        description="novelty up to which a proposal has returned: how far simulations of training frames go, at least 1"
    )
    meeting_separation: float = Field(
        description="separation up to which ends of two simulations meet, so that they may be one new state"
    )
    proposals: list[VerifiedProposal]
    states: list[ReachedState]
    rounds: list[Round] = Field(description="this round, and those before it")
    sentences: list[str] = Field(description="the verdict in words, by kind and source of the proposals")
