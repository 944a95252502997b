"""What config.yaml and a preset may hold, as frozen typed objects: the single source of the JSON Schemas.

Each stage has one section. Units stand in the key (`_nm`, `_rad`, `_ps`); a key that is not listed here is an error.
Sections that choose a tokenizer or a model are unions of what is registered (`mdllm.config.choices`).
"""

from functools import lru_cache
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, TypeAdapter, model_validator

from mdllm.config.choices import DISCRETIZERS, MODELS, TOKENIZERS
from mdllm.config.section import FrameRange, Name, Section, Share
from mdllm.config.settings.dynamics import DynamicsSettings, PropertySettings
from mdllm.config.settings.kinetics import CausalTraceSettings, KineticsSettings
from mdllm.config.settings.verification import VerificationSettings

Tokenizer = TOKENIZERS.union(DISCRETIZERS)
Model = MODELS.union()


class PrepareSettings(Section):
    stride: PositiveInt = Field(1, description="keep every n-th frame of the raw trajectory")
    frames: list[FrameRange] | None = Field(
        None, min_length=1, description="raw frames that exist, ranges [first, last] over all files; null: all"
    )


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
    hold_entropy: bool = Field(
        False,
        description="whether each replica has a temperature of its own, from frame to frame, so that frames stay as "
        "uncertain as those that the model draws after validation frames",
    )
    top_k: PositiveInt = 100
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    epsilon_cutoff: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="codes less probable than this are not drawn; 0: none is cut off"
    )
    checkpoint_every: PositiveInt = Field(20, description="frames between two checkpoints")

    @model_validator(mode="after")
    def _one_temperature(self):
        if self.hold_entropy and self.temperature != 1:
            raise ValueError(
                f"temperature {self.temperature:g} has no effect where hold_entropy chooses temperatures; remove it"
            )
        return self


class RedrawSettings(Section):
    null_groups: PositiveInt = Field(
        100, description="times that residue types redraw one span, as 8 structures, beside a model that is no base"
    )


class DecodeSettings(Section):
    samples: PositiveInt = Field(
        1, description="structures per generated frame; above 1 they are drawn from the tokenizer's uncertainty"
    )


class AnalysisSettings(Section):
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="level of every interval")
    resamples: PositiveInt = Field(2000, description="bootstrap resamples over replicas")


class NoveltySettings(Section):
    """What counts as new in the generated frames, and how new frames are grouped."""

    quantile: Annotated[float, Field(ge=0.5, lt=1)] = Field(
        0.99, description="a frame is new beyond what so large a share of held-out MD frames shows"
    )
    span_residues: PositiveInt = Field(7, description="residues of the sliding spans that are compared one by one")
    training_frames: PositiveInt = Field(5000, description="training frames compared with at most, evenly spread")
    held_out_frames: PositiveInt = Field(1000, description="held-out MD frames at most, evenly spread")
    cluster_frames: PositiveInt = Field(
        2000, description="new frames of the model clustered at most; others are assigned"
    )
    clusters: PositiveInt = Field(
        500, description="clusters looked at at most, the largest; others join a near one, or none"
    )
    cluster_distance: PositiveFloat = Field(
        1.5, description="mean separation within a cluster, in units of what makes a frame new beside another"
    )


class StageSettings(Section):
    """Everything a variant may override, one section per stage."""

    seed: int = Field(0, ge=0, description="root of every random draw")
    prepare: PrepareSettings = PrepareSettings()
    tokenizer: Tokenizer = TOKENIZERS.classes["multiscale"]()
    fidelity: FidelitySettings = FidelitySettings()
    language: LanguageSettings = LanguageSettings()
    model: Model = MODELS.classes["mistral"]()
    training: TrainingSettings = TrainingSettings()
    rollout: RolloutSettings = RolloutSettings()
    redraw: RedrawSettings = RedrawSettings()
    decode: DecodeSettings = DecodeSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    novelty: NoveltySettings = NoveltySettings()
    dynamics: DynamicsSettings = DynamicsSettings()
    properties: PropertySettings = PropertySettings()
    verification: VerificationSettings = VerificationSettings()
    kinetics: KineticsSettings = KineticsSettings()
    causal_trace: CausalTraceSettings = CausalTraceSettings()

    @model_validator(mode="after")
    def _sections_agree(self):
        context = self.language.context_frames
        for key, value in (
            ("rollout.keep_frames", self.rollout.keep_frames),
            ("language.judged_frames", self.language.judged_frames),
        ):
            if value is not None and value > context:
                raise ValueError(f"{key} {value} is more than language.context_frames {context}")
        if self.language.form == "text" and not self.model.writes_text:
            raise ValueError(
                f"language.form: text needs a pretrained model, and model.name is {self.model.name}; choose model.name "
                "pretrained, or language.form codes"
            )
        if self.model.redraws:
            if self.tokenizer.name != "chain":
                raise ValueError(
                    f"model.name {self.model.name} speaks of steps along the chain, and tokenizer.name is "
                    f"{self.tokenizer.name}; choose tokenizer.name chain"
                )
            if self.kinetics.discretizer is not None:
                raise ValueError(
                    f"kinetics.discretizer: structures of model {self.model.name} do not follow each other in time; "
                    "set it to null"
                )
        if self.training.output_refit and self.model.writes_text:
            raise ValueError("training.output_refit: a pretrained model keeps its output layer; set it to 0")
        return self


@lru_cache
def _adapter(section: str) -> TypeAdapter:
    field = StageSettings.model_fields[section]
    return TypeAdapter(Annotated[field.annotation, field])


def sections(content: dict) -> SimpleNamespace:
    """The sections that a stage was given, validated; one that it was not given does not exist here."""
    return SimpleNamespace(**{name: _adapter(name).validate_python(value) for name, value in content.items()})


class RunSettings(Section):
    """config.yaml: which systems run, and on which preset."""

    systems: list[Name] = Field(min_length=1, description="names of files in config/systems, without .yaml")
    only: str | list[Name] | None = Field(None, description="run just these systems (comma-separated or a list)")
    preset: Name = Field("cpu", description="name of a file in config/presets, without .yaml")
    overrides: dict = Field(default={}, description="stage sections laid over the preset, for all systems")
    confirm_grid: bool = Field(False, description="whether a study of more than 500 runs is meant")
