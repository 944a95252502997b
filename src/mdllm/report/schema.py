"""The schema of `summary.json`: every number that a figure or a page quotes, as typed and described fields.

`workflow/schemas/summary.schema.json` is written from these classes; a summary is validated by being built. A section
that does not apply to a variant is null, and so is a value that does not exist.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Conditions(_Section):
    """What a result was made with."""

    preset: str
    tokenizer: str
    codebook_size: int = Field(description="number of codes K")
    model: str
    form: str | None = Field(None, description="codes, or text; null: no model continues the frames")
    context_frames: int | None = Field(None, description="frames N that a window shows before the next frame")
    temperature: float
    top_k: int | None = None
    top_p: float | None = None
    epsilon_cutoff: float | None = None
    replicas: int
    frames: int = Field(description="generated frames per replica")
    seed: int
    training_states: list[str] | None = Field(
        description="states trained on; empty: frames of any within ranges; null: all frames"
    )
    training_frames: int = Field(description="MD frames that were coded for training and validation")


class Interval(_Section):
    value: float | None = Field(description="the value over all frames")
    low: float | None = Field(description="lower bound of the bootstrap interval; null: fewer than two clusters")
    high: float | None = Field(description="upper bound")


class RoundTrip(_Section):
    """Encode->decode of one group of MD frames."""

    frames: int = Field(description="frames measured")
    rmsd_nm_median: float = Field(description="backbone RMSD (N, CA, C) to the frame itself, nm")
    rmsd_nm_p95: float = Field(description="95th percentile, nm")
    rmsd_nm_max: float = Field(description="largest, nm")
    state_kept: dict[str, float] = Field(description="share of a state's frames that are still in it, by state")


class TokenizerSummary(_Section):
    """What the codes keep of backbones."""

    codes_used: int = Field(description="codes that occur in the training frames")
    codes_equal_consecutive: float | None = Field(description="share of codes equal to those of the frame before")
    entropy_per_residue_nats: float = Field(description="mean over residues of the entropy of its codes, nats")
    training: RoundTrip
    unseen: RoundTrip | None = Field(description="frames not trained on; null: there are none")


class TrainingSummary(_Section):
    """Losses in nats per code, on validation windows."""

    validation_loss: float = Field(description="at the best step, nats per code; of several trainings the mean")
    baseline_frequencies: float = Field(description="of residue-wise training frequencies, nats per code")
    baseline_persistence: float = Field(description="of the last frame's codes mixed with them, nats per code")
    persistence_weight: float = Field(description="weight of the last frame's codes in that mixture")
    beats_baselines: bool = Field(description="validation_loss is below both baselines")
    trainings: int = Field(description="models trained alike but for the seed")
    steps: int = Field(description="updates made, in the first training")
    best_step: int = Field(description="update with the lowest validation loss, in the first training")
    parameters: int = Field(description="parameters of the model")
    device: str
    training_seconds: float = Field(description="of all trainings together")


class BaseSummary(_Section):
    """The base that made the model's structures, and what it reached on proteins of other clusters."""

    base: str
    validation_loss: float = Field(description="nats per hidden code")
    baseline_residue_types: float = Field(description="of the statistics of residue types, nats per hidden code")
    baseline_pairs_of_types: float = Field(description="of the statistics of pairs of types, nats per hidden code")
    validation_codes: int
    validation_proteins: int
    training_proteins: int
    parameters: int = Field(description="parameters of the base")
    not_redrawn: dict[str, int] = Field(description="structures whose spans could not be closed, by source")


class RolloutSummary(_Section):
    replicas: int
    frames: int = Field(description="generated frames per replica")
    residues: int = Field(description="codes per frame")
    log_likelihood_per_code_nats: float = Field(description="mean log-probability of a generated code, nats")
    entropy_per_code_nats: float = Field(description="mean entropy of a code's conditional distribution, nats")
    entropy_per_code_first_nats: float = Field(description="the same over the first tenth of the frames, nats")
    entropy_per_code_last_nats: float = Field(
        description="the same over the last tenth: differs where the model drifts"
    )


class QualityMetric(_Section):
    unit: str
    meaning: str
    training: float | None = Field(description="mean over MD training frames")
    roundtrip: float | None = Field(description="mean over encode->decode of the training frames")
    frequencies: float | None = Field(description="mean over decoded codes drawn from training frequencies")
    residue_types: float | None = Field(description="mean over training frames redrawn from residue types")
    model: float | None = Field(description="mean over generated frames")
    model_max: float | None = Field(description="largest value of a generated frame")
    tolerance: float | None = Field(description="how much larger than the floor the model may be; null: not judged")
    floor: str = Field(description="what the model is judged by: roundtrip, or frequencies where a base redraws spans")
    no_worse: bool | None = Field(description="model <= floor + tolerance; null: not judged")
    limit: float | None = Field(description="largest value allowed to any generated frame; null: none")
    within_limit: bool | None = Field(description="model_max <= limit; null: no limit")


class SourceDiscovery(_Section):
    """What one source of frames has to do with one state."""

    frames: int
    clusters: int = Field(description="what the bootstrap resamples: replicas, or blocks of the series (roundtrip)")
    share: Interval = Field(description="share of frames in the region of the state")
    share_found: Interval = Field(
        description="of frames in the region that are as close to true frames, where any are known, as these are to "
        "each other"
    )
    precision: float | None = Field(
        description="share that is found of the frames outside of all training states; null: there are none"
    )
    replicas_reached: int | None = Field(description="replicas with a frame that is found; null: no replicas")
    first_frame_min: float | None = Field(description="first generated frame that is found, over all replicas")
    first_frame_median: float | None = Field(description="median over the replicas that reach it")
    rmsd_to_true_nm: Interval = Field(description="median RMSD to the nearest known MD frame of the state, nm")
    rmsd_to_true_nm_min: float | None = Field(description="smallest of these, nm")
    rmsd_to_reference_nm: Interval = Field(description="median RMSD to the nearest reference of the state, nm")
    rmsd_to_reference_nm_min: float | None = Field(description="smallest of these, nm")


class StateDiscovery(_Section):
    training_state: bool = Field(description="whether the model was trained on this state")
    beats_nulls: bool | None = Field(description="the model's share_found lies above every null's, intervals apart")
    closer_than_nulls: bool | None = Field(description="its median distance lies below every null's, intervals apart")
    verdict: str = Field(description="the same in words")
    model: SourceDiscovery
    roundtrip: SourceDiscovery = Field(
        description="null i, the reconstruction floor: encode->decode of the training frames"
    )
    frequencies: SourceDiscovery = Field(description="null ii: codes drawn residue by residue")
    residue_types: SourceDiscovery = Field(
        description="null iii: training frames with spans redrawn from the statistics of residue types"
    )


class NewCluster(_Section):
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


class NoveltySummary(_Section):
    """Generated frames that are further from all training frames than held-out MD."""

    held_out: str = Field(description="which MD frames were held out")
    held_out_frames: int
    quantile: float = Field(description="of the novelty of held-out MD frames, beyond which a frame is new")
    span_residues: int = Field(description="residues of the sliding spans that are compared")
    share_new: dict[str, Interval] = Field(description="share of new frames by source, held-out MD among them")
    clusters: int = Field(description="clusters of the model's new frames")
    clusters_more_often: int = Field(description="clusters that the model reaches more often than every null")
    largest: list[NewCluster] = Field(description="the largest; all are in `novelty/clusters.csv`")
    verdict: str = Field(description="the same in words")


class MeasuredNumber(_Section):
    value: float
    standard_error: float | None = Field(
        description="by leaving out replicas or blocks one by one; null: there are none"
    )


class Agreement(_Section):
    """One number for how alike an ensemble moves to MD."""

    quantity: str = Field(description="rmsf, torsions, secondary_structure, contacts, correlation (of motion)")
    measure: str = Field(description="pearson, spearman, jensen_shannon (bits, 0 is the same), ratio")
    reference: str = Field(description="md, all frames; or md_training, those that the model was trained on")
    headline: bool = Field(description="whether it is the one number of its quantity")
    meaning: str
    by_source: dict[str, MeasuredNumber] = Field(
        description="md_halves: the reference's first half beside its second; md_training, model, roundtrip, "
        "frequencies, residue_types; gnm, anm: elastic networks of the first training frame"
    )
    nearer_than: list[str] = Field(
        description="sources that the model surpasses by more than two combined standard errors"
    )
    farther_than: list[str] = Field(description="sources that surpass the model likewise")


class DynamicsSummary(_Section):
    """Whether generated frames move as MD does, beside nulls and elastic networks."""

    frames: dict[str, int] = Field(description="frames measured, by source")
    clusters: dict[str, int] = Field(description="replicas or blocks that give errors, by source")
    contact_nm: float = Field(description="CB that are nearer are in contact, nm")
    network_modes: int = Field(description="slowest modes of the elastic networks")
    agreement: list[Agreement] = Field(description="see `dynamics/agreement.csv`")
    verdict: str = Field(description="the headlines in words")


class VerifiedProposal(_Section):
    """A frame of the model, of a null or of MD, and where short simulations of it end."""

    proposal: str
    kind: str = Field(description="cluster of new frames, state that was not trained on, or training frame")
    source: str
    replicas: int
    outcome: str = Field(
        description="returned (to the training frames), stayed, a state's name, elsewhere, fell apart, or undecided"
    )
    share_returned: float = Field(description="share of the replicas that end near the training frames")
    share_stayed: float = Field(description="that end near the proposal")
    share_reached: float = Field(description="that end in a named state")
    share_elsewhere: float
    share_apart: float = Field(description="that cannot be relaxed")
    energy_above_training_kj_mol: float | None = Field(description="after minimization, beside training frames, kJ/mol")
    drift_nm: float | None = Field(description="median RMSD of the ends to the proposal, nm")


class VerificationSummary(_Section):
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
    proposals: list[VerifiedProposal]
    sentences: list[str] = Field(description="the verdict in words, by kind and source of the proposals")


class Comparison(_Section):
    """One quantity beside its reference."""

    quantity: str = Field(description="name of the state; start -> end of a passage; or the process")
    value: float | None
    reference: float | None
    standard_error: float | None = Field(description="of the value")
    combined_standard_error: float | None = Field(description="root of the sum of both squared standard errors")
    distance: float | None = Field(description="(value - reference) / combined_standard_error")
    relative_deviation: float | None = Field(description="value / reference - 1")


class Comparisons(_Section):
    populations: list[Comparison] = Field(description="shares of frames in the named states")
    slowest_timescale_ps: Comparison = Field(
        description="of the Markov model at the same lag; exact: of the exact process, projected on the codes"
    )
    mfpt_ps: list[Comparison] = Field(description="direct mean first passage times, at the saving interval")
    transitions_per_ns: list[Comparison] = Field(
        description="transitions that hold for the longest commit time; none where exact is the reference"
    )
    staying: list[Comparison] = Field(
        description="counted probability to be in a state again at the longest time of the Chapman-Kolmogorov test; "
        "none where exact is the reference"
    )
    committor: list[Comparison] = Field(
        description="of each code between the two states of kinetics.committor, counted; none where exact is the "
        "reference"
    )
    verdict: str = Field(description="the same in words")


class KineticsSummary(_Section):
    """Kinetics of the discrete trajectories, of MD and of the model alike.

    A standard error of MD comes from its trajectories, that of the model from its generated trajectories, and from the
    spread between trainings where there are several (`kinetics.trainings`). That other MD data would have given another
    model is in neither.
    """

    reference: str = Field(description="exact, or md where the exact kinetics are unknown")
    runs: dict[str, int] = Field(description="runs that give standard deviations: groups of trajectories, or trainings")
    time_unit: Literal["ps", "frames"] = Field(
        description="frames: the time between frames is not known, and 1 ps stands for a frame in all times"
    )
    interval_ps: float = Field(description="between MD frames")
    model_interval_ps: float = Field(description="between frames of the model")
    lag_ps: float = Field(description="of the Markov model behind the slowest timescale")
    slowest_timescale_exact_ps: float | None = Field(description="of the dynamics itself, without a lag; null: unknown")
    nanoseconds: dict[str, float] = Field(description="time covered by MD and by the model, ns")
    share_kept: dict[str, float] = Field(description="share of transitions in the connected set at that lag, by source")
    comparisons: dict[str, Comparisons] = Field(description="of the model, and of MD where exact is the reference")


class Summary(_Section):
    """All results of one system and variant. Lengths in nm, angles in radian, times in ps."""

    system: str
    variant: str
    about: str
    confidence: float = Field(description="level of every interval")
    conditions: Conditions
    training: TrainingSummary | None = Field(description="null: the model is a base, taken as it is")
    base: BaseSummary | None = Field(description="null: the model is trained on the frames")
    rollout: RolloutSummary
    tokenizer: TokenizerSummary | None = Field(description="null: a frame is one code, which is not decoded")
    quality: dict[str, QualityMetric] | None = Field(description="by metric; see `analysis/quality.csv`")
    discovery: dict[str, StateDiscovery] | None = Field(description="by state; see `analysis/discovery.csv`")
    novelty: NoveltySummary | None = Field(description="null: a frame is one code; see `novelty/*.csv`")
    dynamics: DynamicsSummary | None = Field(description="null: a frame is one code; see `dynamics/*.csv`")
    verification: VerificationSummary | None = Field(description="null: verification.proposals is 0")
    kinetics: KineticsSummary | None = Field(description="null: no discrete trajectories; see `kinetics/*.csv`")
