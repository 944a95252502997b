"""What a file of config/collections may hold: where its proteins come from, and what training must not see."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from mdllm.config.choices import COLLECTION_SOURCES
from mdllm.config.section import Name, Section

ProteinSource = COLLECTION_SOURCES.union()


class LeaveOut(Section):
    """Proteins alike to these are in neither training nor validation."""

    systems: bool = Field(True, description="those of config/systems, by their `sequence`")
    collections: list[Name] = Field(default=[], description="names of files in config/collections, without .yaml")


class CollectionSettings(Section):
    """Many proteins from many sources."""

    description: str
    sources: list[ProteinSource] = Field(min_length=1)
    shortest: PositiveInt = Field(10, ge=2, description="residues of a protein at least")
    longest: PositiveInt = Field(2000, description="residues of a protein at most")
    identity: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3, description="least identity of two proteins that are alike (mdllm.collections.similarity)"
    )
    leave_out: LeaveOut = LeaveOut()
    validation_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="share of the proteins for validation, in whole clusters"
    )
    seed: int = Field(0, ge=0, description="decides which clusters are for validation")
    shard_mb: PositiveFloat = Field(256, description="size of a file of frames; a protein is never cut")

    @model_validator(mode="after")
    def _keys_agree(self):
        if self.shortest > self.longest:
            raise ValueError(f"shortest {self.shortest} is above longest {self.longest}")
        return self
