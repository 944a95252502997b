"""What a file of config/bases may hold, and how a base redraws spans; read without torch, since every job reads it."""

import pkgutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mdllm.config.choices import ModelSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Name, Section, Share
from mdllm.tokenizers.chain.settings import CodebookSize

COMES_WITH_MDLLM = "medium"


class NetworkSettings(Section):
    width: PositiveInt = Field(256, ge=8)
    blocks: PositiveInt = Field(3, description="residual blocks")
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.15


class BaseTrainingSettings(Section):
    steps: PositiveInt = Field(4000, description="optimizer updates")
    batch_size: PositiveInt = Field(32, description="windows of an update; several GPUs share them")
    window: PositiveInt = Field(96, description="residues of a window")
    rows: PositiveInt = Field(24, description="residues of a window that the loss counts, those of hidden spans first")
    spans: PositiveInt = Field(4, description="hidden spans of a window at most")
    shortest_span: PositiveInt = Field(3, description="residues")
    longest_span: PositiveInt = Field(16, description="residues")
    learning_rate: PositiveFloat = 1.5e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_steps: NonNegativeInt = 200
    augmentation: Share = Field(
        1.0,
        description="share of the windows in which residue types are masked, codes exchanged for similar ones, and "
        "neighbours and anchors moved a little",
    )
    evaluate_every: PositiveInt = Field(500, description="updates between two validations and checkpoints")
    validation_windows: PositiveInt = Field(256, description="windows of validation proteins, always the same")

    @model_validator(mode="after")
    def _spans_fit(self):
        if not self.shortest_span <= self.longest_span < self.window:
            raise ValueError(
                f"shortest_span {self.shortest_span}, longest_span {self.longest_span} and window {self.window} must "
                "grow in this order"
            )
        return self


class BaseSettings(Section):
    """A model over the proteins of a collection."""

    description: str
    collection: Name = Field(description="name of a file in config/collections, without .yaml")
    frames: PositiveInt = Field(20, description="frames of a protein at most, evenly spread over its runs")
    codebook_size: CodebookSize = 512
    network: NetworkSettings = NetworkSettings()
    training: BaseTrainingSettings = BaseTrainingSettings()
    seed: NonNegativeInt = Field(0, description="root of every random draw")


class SpanSettings(Section):
    """How spans are redrawn. Chosen on held-out proteins of the collection (benchmarks/loops.py)."""

    moves: PositiveInt = Field(1, description="spans that are redrawn, one after the other")
    shortest_span: PositiveInt = Field(4, description="residues")
    longest_span: PositiveInt = Field(12, description="residues")
    free_ends: bool = Field(False, description="whether ends of a chain, which nothing closes, are redrawn as well")
    drawings: PositiveInt = Field(32, description="drawings of a span that compete")
    sharpness: Annotated[float, Field(ge=0)] = Field(
        1.0, description="power of a drawing's own probability by which it competes; 0: drawings are equal"
    )
    farthest_nm: PositiveFloat = Field(
        0.3, description="largest RMSD of CA that redrawing a span may lead to, over the whole chain"
    )

    @model_validator(mode="after")
    def _spans_fit(self):
        if self.shortest_span > self.longest_span:
            raise ValueError(f"shortest_span {self.shortest_span} is above longest_span {self.longest_span}")
        return self


class ProposalSettings(SpanSettings):
    """The same, and how many at a time."""

    temperature: PositiveFloat = Field(1.0, description="of the draws")
    group: PositiveInt = Field(8, description="proposals that redraw the same spans of different starts")


class MixedSettings(Section):
    """Proteins of a collection, from which the copy goes on to learn as well."""

    collection: Name = Field(description="one that is made, results/collections/NAME; its training proteins are seen")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="of the windows of an update")


class TuningSettings(Section):
    """A copy of the base that goes on to learn from the training frames, and how both are joined."""

    system: Name | None = Field(
        None, description="file of config/systems whose training frames are learned from; null: those of this system"
    )
    steps: PositiveInt = Field(200, description="optimizer updates of 32 windows")
    learning_rate: PositiveFloat = 3e-4
    mixed: MixedSettings | None = Field(None, description="null: windows of the training frames alone")
    weight: Share = Field(0.3, description="w of the product p_tuned^w p_base^(1 - w); 0: the base alone")
    gated: bool = Field(
        True, description="whether the base is alone where a drawing stands on codes that no training frame shows there"
    )


class BaseModelSettings(ModelSettings):
    """A base over many proteins: it redraws spans of the training frames rather than continue them."""

    trained: ClassVar[bool] = False
    redraws: ClassVar[bool] = True
    name: Literal["base"]
    base: str = Field(
        COMES_WITH_MDLLM, description="one that comes with mdllm, by its name, or a folder results/bases/NAME"
    )
    spans: SpanSettings = SpanSettings()
    tuning: TuningSettings | None = Field(None, description="null: the base is taken as it is")

    def requirements(self, cache: Path) -> Requirements:
        find_base = pkgutil.resolve_name("mdllm.bases.base:find_base")
        needs: Requirements = {(f"base {self.base}", ""): lambda: find_base(self.base)}
        if self.reads_collection is not None:
            made_collection = pkgutil.resolve_name("mdllm.config.collections:made_collection")
            name = self.reads_collection
            needs[f"collection {name}", ""] = lambda: made_collection(Path("config"), name)
        return needs

    @property
    def details(self) -> str:
        learned = "" if self.tuning is None else f", tuned on {self.tuning.system or 'these frames'}"
        return f"{self.base}{learned}"

    @property
    def learns_from(self) -> str | None:
        return self.tuning and self.tuning.system

    @property
    def reads_collection(self) -> str | None:
        return self.tuning and self.tuning.mixed and self.tuning.mixed.collection
