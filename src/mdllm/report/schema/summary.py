"""The schema of `summary.json`: every number that a figure or a page quotes, as typed and described fields.

`workflow/schemas/summary.schema.json` is written from these classes; a summary is validated by being built. A section
that does not apply to a variant is null, and so is a value that does not exist.
"""

from pydantic import Field

from mdllm.report.schema.ensembles import DynamicsSummary, QualityMetric, StateDiscovery
from mdllm.report.schema.kinetics import KineticsSummary
from mdllm.report.schema.new_frames import NoveltySummary, VerificationSummary
from mdllm.report.schema.section import Section


class Conditions(Section):
    """What a result was made with."""

    preset: str
    round: int = Field(1, description="of proposals; before each but the first, what MD has kept joined the training")
    tokenizer: str
    codebook_size: int = Field(description="number of codes K")
    model: str
    model_details: str | None = Field(None, description="its size, or what it was made of")
    form: str | None = Field(None, description="codes, or text; null: no model continues the frames")
    context_frames: int | None = Field(None, description="frames N that a window shows before the next frame")
    temperature: float = Field(description="where entropy is held, that of the first frame of each replica")
    hold_entropy: bool = False
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


class RoundTrip(Section):
    """Encode->decode of one group of MD frames."""

    frames: int = Field(description="frames measured")
    rmsd_nm_median: float = Field(description="backbone RMSD (N, CA, C) to the frame itself, nm")
    rmsd_nm_p95: float = Field(description="95th percentile, nm")
    rmsd_nm_max: float = Field(description="largest, nm")
    state_kept: dict[str, float] = Field(description="share of a state's frames that are still in it, by state")


class TokenizerSummary(Section):
    """What the codes keep of backbones."""

    codes_used: int = Field(description="codes that occur in the training frames")
    codes_equal_consecutive: float | None = Field(description="share of codes equal to those of the frame before")
    entropy_per_residue_nats: float = Field(description="mean over residues of the entropy of its codes, nats")
    training: RoundTrip
    unseen: RoundTrip | None = Field(description="frames not trained on; null: there are none")


class TrainingSummary(Section):
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


class BaseSummary(Section):
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


class Likelihood(Section):
    mean_nats: float = Field(description="mean over generated frames")
    spread_nats: float = Field(description="standard deviation over generated frames")


class HeldEntropy(Section):
    """Frames that are held at an entropy, by a temperature of each."""

    held_nats: float = Field(description="per code: that of frames which the model draws after validation frames")
    reached_nats: float = Field(description="per code, at the temperatures of the frames: mean over generated frames")
    mean_temperature: float
    lowest_temperature: float
    highest_temperature: float


class RolloutSummary(Section):
    replicas: int
    frames: int = Field(description="generated frames per replica")
    residues: int = Field(description="codes per frame")
    log_likelihood_per_code_nats: float = Field(
        description="mean log-probability of a generated code, nats; where a base redraws, those that stay as they are "
        "count as certain"
    )
    log_likelihood_of_frames: dict[str, Likelihood] = Field(
        description="of all codes that were drawn for a frame, at temperature 1, under the model; where it is the "
        "product of a base and its tuned copy, under either of them too (base, tuned). Nulls are not asked for it"
    )
    entropy_per_code_nats: float = Field(description="mean entropy of a code's conditional distribution, nats")
    entropy_per_code_first_nats: float = Field(description="the same over the first tenth of the frames, nats")
    entropy_per_code_last_nats: float = Field(
        description="the same over the last tenth: differs where the model drifts"
    )
    held_entropy: HeldEntropy | None = Field(None, description="null: all frames have one temperature")


class Summary(Section):
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
    verification: VerificationSummary | None = Field(description="null: verification asks for no simulation")
    kinetics: KineticsSummary | None = Field(description="null: no discrete trajectories; see `kinetics/*.csv`")
