"""What a file of config/dances may hold: proteins, network, loss, and training. Each departure from the paper is a key.

Hou, Zhao & Shen, PNAS 123, e2530466123 (2026).
"""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from mdllm.config.section import Name, Section, Share, UnitInterval
from mdllm.sources.package import Sha256

Dropout = Annotated[float, Field(ge=0, lt=1)]
_SYMMETRIC = "average the maps of (i, j) and (j, i); false: directed maps, as in the paper"


class SeqDanceNetworkSettings(Section):
    """The shape of ESM2-35M, trained from scratch."""

    name: Literal["seqdance"] = "seqdance"
    layers: PositiveInt = 12
    heads: PositiveInt = 20
    width: PositiveInt = 480
    feed_forward: PositiveInt = 1920
    dropout: Dropout = 0.1
    symmetric: bool = Field(True, description=_SYMMETRIC)

    @model_validator(mode="after")
    def _sizes(self):
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be an even multiple of heads {self.heads}")
        return self


class EsmDanceNetworkSettings(Section):
    """ESM2 as it is; only the heads are trained."""

    name: Literal["esmdance"]
    encoder: str = Field("facebook/esm2_t12_35M_UR50D", description="folder of an ESM2, or its name on the hub")
    encoder_sha256: Sha256 | None = Field(
        None, description="of its model.safetensors; null: as it was when it was first used"
    )
    dropout: Dropout = Field(0.1, description="of the heads")
    symmetric: bool = Field(True, description=_SYMMETRIC)


NetworkSettings = Annotated[SeqDanceNetworkSettings | EsmDanceNetworkSettings, Field(discriminator="name")]


class CollectionProperties(Section):
    """Properties that mdllm computes of the backbones of a collection."""

    type: Literal["collection"]
    collection: Name = Field(description="name of a file in config/collections, without .yaml")
    frames: PositiveInt = Field(200, description="frames of a protein at most, evenly spread over its runs")
    longest: PositiveInt = Field(
        1022,
        description="residues; longer proteins are left out, as the cost of normal modes grows with the third power",
    )


class PropertyFiles(Section):
    """HDF5 files in the layout of the released data."""

    type: Literal["files"]
    files: list[str] = Field(min_length=1, description="HDF5 with {name}_res_feature and {name}_pair_feature")
    proteins: str = Field(
        description="CSV with the columns name, sequence (`:` between chains), group, and split (train, validation)"
    )
    contacts: Literal["cube_root", "as_given"] = Field("cube_root", description="what training makes of contacts")


DataSettings = Annotated[CollectionProperties | PropertyFiles, Field(discriminator="type")]


class LossSettings(Section):
    """Weights of the loss: 1 is the error of predicting the mean of each property."""

    epsilon: Annotated[float, Field(ge=0)] = Field(
        1e-8, description="added under the root of a mean squared error; 0: the paper's, infinite gradient at no error"
    )
    pair_share: PositiveFloat = Field(3.0, description="weight of pair properties, that of residue properties being 1")
    contact_share: PositiveFloat = Field(3.0, description="weight of contacts, that of a correlation of motion being 1")
    undefined_angles: Literal["masked", "zero"] = Field(
        "masked", description="torsions that a residue does not have: no part of the loss, or shares of zero"
    )


class Crop(Section):
    """From an update on, longer proteins are cut to a random window."""

    from_step: NonNegativeInt
    residues: PositiveInt


class DanceTrainingSettings(Section):
    steps: PositiveInt = Field(200_000, description="optimizer updates")
    batch_size: PositiveInt = Field(384, description="proteins of an update, as many of each group; GPUs share them")
    accumulation: PositiveInt = Field(1, description="parts in which a process takes its share of an update")
    learning_rate: PositiveFloat = 1e-4
    adam_betas: tuple[UnitInterval, UnitInterval] = (0.9, 0.98)
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup_steps: NonNegativeInt = 2000
    final_learning_rate: Share = Field(0.1, description="share of the learning rate at the end of its linear descent")
    crops: list[Crop] = Field(
        [Crop(from_step=0, residues=254), Crop(from_step=100_000, residues=1022)],
        min_length=1,
        description="residues of the longest window, from which update on",
    )
    start_at_means: bool = Field(
        True, description="a new network varies about the mean of each property; false: about 0, as in the paper"
    )
    epoch_seeds: bool = Field(
        True,
        description="a new order of the proteins in each epoch; false: the paper's, one order for all, whose rest is "
        "never seen",
    )
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    evaluate_every: PositiveInt = Field(2000, description="updates between two validations and checkpoints")
    validation_proteins: PositiveInt = Field(500, description="of each group at most, always the same")

    @model_validator(mode="after")
    def _crops_grow(self):
        steps = [crop.from_step for crop in self.crops]
        if steps[0] or steps != sorted(set(steps)):
            raise ValueError(f"crops: from_step must begin at 0 and grow, not {steps}")
        if steps[-1] >= self.steps:
            raise ValueError(f"crops: from_step {steps[-1]} has no effect: training ends after {self.steps} updates")
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps {self.warmup_steps} must be below steps {self.steps}")
        return self


class DanceSettings(Section):
    """A model of the dynamic properties of many proteins."""

    description: str
    data: DataSettings
    network: NetworkSettings = SeqDanceNetworkSettings()
    loss: LossSettings = LossSettings()
    training: DanceTrainingSettings = DanceTrainingSettings()
    seeds: list[NonNegativeInt] = Field(
        [0], min_length=1, description="a model is trained from each; the first is the one that predicts"
    )

    @model_validator(mode="after")
    def _seeds_differ(self):
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds}: each once")
        return self
