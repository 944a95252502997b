"""What config.yaml and a preset may hold, as frozen typed objects: the single source of the JSON Schemas.

Each stage has one section. Units stand in the key (`_nm`, `_rad`, `_ps`); a key that is not listed here is an error.
`workflow/schemas/*.json` are written from these classes and from those of `system_settings`, by
``mdllm schemas``.
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mdllm.config.section import Name, Section
from mdllm.config.settings.kinetics import KineticsSettings
from mdllm.config.settings.sequence import (
    BinsSettings,
    CausalTraceSettings,
    KCentersSettings,
    LstmModel,
    MarkovModel,
    NanoGptModel,
    NearestCenterSettings,
)

Share = Annotated[float, Field(ge=0, le=1)]


class PrepareSettings(Section):
    stride: PositiveInt = Field(1, description="keep every n-th frame of the raw trajectory")


class FittedOnFrames(Section):
    fit_frames: PositiveInt = Field(5000, description="training frames fitted at most, evenly spread")


class MultiscaleSettings(FittedOnFrames):
    name: Literal["multiscale"] = "multiscale"
    codebook_size: Annotated[int, Field(ge=2)] = Field(128, description="number of codes K")
    neighbours: PositiveInt = Field(8, description="rebuilt residues that a residue's pose is guessed from")
    rotation_length_nm: PositiveFloat = Field(0.2, description="a turn by t radian counts like a shift by t times this")
    chain_share: Share = Field(0.4, description="share of codes that are steps of the chain, for unseen states")
    chain_weight: Annotated[float, Field(ge=0)] = Field(
        0.6, description="weight of a residue's place as seen from its chain neighbours, against its place in space"
    )


class TorsionGridSettings(FittedOnFrames):
    name: Literal["torsion_grid"]
    bins: PositiveInt = Field(15, description="bins per torsion; K = bins squared")


class FoldToken4Settings(FittedOnFrames):
    """The released FoldToken4, from the user's copies of its code and weights (docs/foldtoken4.md)."""

    name: Literal["foldtoken4"]
    checkout: str = Field(description="folder of the clone of github.com/A4Bio/FoldToken_open")
    weights: str = Field(description="the checkpoint of Zenodo record 13901445")
    config: str | None = Field(None, description="its config.yaml; null: the one beside the weights")
    weights_checksum: str | None = Field(
        None,
        pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$",
        description="of the weights, as Zenodo prints it; null: recorded, not compared",
    )
    level: Annotated[int, Field(ge=1, le=12)] = Field(8, description="K = 2^level codes")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is one")
    decoder_seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of the decoder's start")
    chains: list[PositiveInt] | None = Field(None, description="residues of each chain, in order; null: one chain")
    resume_folder: str | None = Field(
        None, description="folder of finished chunks, so that a killed stage continues; null: none"
    )


TokenizerSettings = Annotated[
    MultiscaleSettings
    | TorsionGridSettings
    | FoldToken4Settings
    | BinsSettings
    | NearestCenterSettings
    | KCentersSettings,
    Field(discriminator="name"),
]


class FidelitySettings(Section):
    """What encode->decode must keep, before any model is trained; a limit that fails stops the run."""

    training_rmsd_nm: PositiveFloat = Field(0.06, description="largest median backbone RMSD on training frames")
    training_state_kept: Share = Field(0.9, description="smallest share of training frames still in their state")
    unseen_frames: PositiveInt = Field(2000, description="unseen frames measured, evenly spread over all others")


class LanguageSettings(Section):
    form: Literal["codes", "text"] = Field(
        "codes", description="one token per code, or numbers in a text with an instruction (pretrained models only)"
    )
    context_frames: PositiveInt = Field(5, description="frames N that a window shows before the next frame")
    stride: PositiveInt = Field(1, description="frames between the starts of two training windows")
    loss: Literal["all", "last"] = Field("all", description="frames of a window that the loss counts")
    judged_frames: PositiveInt = Field(
        1, description="last frames of a validation window that the validation loss counts (codes only)"
    )
    time_reversed: bool = Field(True, description="show every training window backwards in time as well")


class ScratchModel(Section):
    """A small Mistral (Jiang et al., arXiv 2310.06825) with random weights."""

    name: Literal["mistral"] = "mistral"
    layers: PositiveInt = 2
    hidden_size: PositiveInt = 64
    heads: PositiveInt = 4
    key_value_heads: PositiveInt = 4
    intermediate_size: PositiveInt = 128
    dropout: Share = Field(0.0, description="attention dropout")


class LoraSettings(Section):
    """Low-rank adapters (Hu et al., arXiv 2106.09685): W + alpha / r B A, with W as it was."""

    r: PositiveInt = Field(16, description="rank")
    alpha: PositiveInt = Field(16, description="scale of the adapters, divided by r")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="dropout before A")
    targets: list[str] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        min_length=1,
        description="names of the linear layers that get adapters",
    )


class PretrainedModel(Section):
    """A pretrained causal language model of Hugging Face, kept as it is, with adapters (QLoRA, arXiv 2305.14314)."""

    name: Literal["pretrained"]
    base: str = Field(description="folder with config.json, safetensors and tokenizer, or the model's name on the hub")
    quantization: Literal["nf4", "none"] = Field("nf4", description="of the base: 4-bit normal float, or bfloat16")
    lora: LoraSettings = LoraSettings()
    max_length: PositiveInt = Field(9000, description="tokens of the longest window; a longer one is an error")
    gradient_checkpointing: bool = Field(True, description="compute activations twice rather than keep them")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is one")


ModelSettings = Annotated[
    ScratchModel | PretrainedModel | NanoGptModel | LstmModel | MarkovModel, Field(discriminator="name")
]


class TrainingSettings(Section):
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic; weights stay float32")
    optimizer: str = Field("adamw_torch", description="any `optim` of transformers.TrainingArguments")
    learning_rate: PositiveFloat = 2e-3
    weight_decay: float = Field(0.01, ge=0)
    scheduler: str = Field("linear", description="any `lr_scheduler_type` of transformers.TrainingArguments")
    warmup_steps: int = Field(5, ge=0)
    batch_size: PositiveInt = Field(8, description="windows computed at once; several GPUs share them")
    accumulation: PositiveInt = Field(1, description="batches whose gradients are added before an update")
    max_steps: PositiveInt = Field(300, description="optimizer updates at most")
    evaluate_every: PositiveInt = Field(20, description="updates between two validations and checkpoints")
    patience: PositiveInt = Field(6, description="validations without improvement before training stops")
    validation_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.15, description="share of training frames, at the end, kept for validation"
    )
    validation_windows: PositiveInt | None = Field(
        None, description="validation windows at most, evenly spread; null: all of them"
    )
    output_refit: NonNegativeInt = Field(
        0, description="steps of L-BFGS that fit the output layer to all training frames at the end; 0: none"
    )


class RolloutSettings(Section):
    frames: PositiveInt = Field(200, description="frames generated per replica")
    replicas: PositiveInt = Field(16, description="independent rollouts")
    batch: PositiveInt = Field(16, description="replicas computed together; part of the result's identity")
    starts: Literal["last", "spread"] = Field(
        "last", description="replicas continue the last training frames, or windows spread over all training frames"
    )
    keep_frames: PositiveInt | None = Field(
        None,
        description="the context grows from so many frames to context_frames, then is cut back; null: always "
        "context_frames, computed anew for every frame",
    )
    temperature: PositiveFloat = 1.0
    top_k: PositiveInt = 100
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    epsilon_cutoff: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="codes less probable than this are not drawn; 0: none is cut off"
    )
    checkpoint_every: PositiveInt = Field(20, description="frames between two checkpoints")


class DecodeSettings(Section):
    samples: PositiveInt = Field(
        1, description="structures per generated frame; above 1 they are drawn from the tokenizer's uncertainty"
    )


class AnalysisSettings(Section):
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="level of every interval")
    resamples: PositiveInt = Field(2000, description="bootstrap resamples over replicas")


class StageSettings(Section):
    """Everything a variant may override, one section per stage."""

    seed: int = Field(0, ge=0, description="root of every random draw")
    prepare: PrepareSettings = PrepareSettings()
    tokenizer: TokenizerSettings = MultiscaleSettings()
    fidelity: FidelitySettings = FidelitySettings()
    language: LanguageSettings = LanguageSettings()
    model: ModelSettings = ScratchModel()
    training: TrainingSettings = TrainingSettings()
    rollout: RolloutSettings = RolloutSettings()
    decode: DecodeSettings = DecodeSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    kinetics: KineticsSettings = KineticsSettings()
    causal_trace: CausalTraceSettings = CausalTraceSettings()

    @model_validator(mode="after")
    def _own_output_layer(self):
        if self.training.output_refit and isinstance(self.model, PretrainedModel):
            raise ValueError("training.output_refit: a pretrained model keeps its output layer; set it to 0")
        return self


class RunSettings(Section):
    """config.yaml: which systems run, and on which preset."""

    systems: list[Name] = Field(min_length=1, description="names of files in config/systems, without .yaml")
    only: str | list[Name] | None = Field(None, description="run just these systems (comma-separated or a list)")
    preset: Name = Field("cpu", description="name of a file in config/presets, without .yaml")
    overrides: dict = Field(default={}, description="stage sections laid over the preset, for all systems")
