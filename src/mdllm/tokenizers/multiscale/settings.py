"""What a config file may say of the tokenizer `multiscale`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mdllm.config.choices import TokenizerSettings
from mdllm.config.section import Share


class MultiscaleSettings(TokenizerSettings):
    implementation: ClassVar[str] = "mdllm.tokenizers.multiscale.tokenizer:Multiscale"
    name: Literal["multiscale"] = "multiscale"
    codebook_size: Annotated[int, Field(ge=2)] = Field(128, description="number of codes K")
    neighbours: PositiveInt = Field(8, description="rebuilt residues that a residue's pose is guessed from")
    rotation_length_nm: PositiveFloat = Field(0.2, description="a turn by t radian counts like a shift by t times this")
    chain_share: Share = Field(0.4, description="share of codes that are steps of the chain, for unseen states")
    chain_weight: Annotated[float, Field(ge=0)] = Field(
        0.6, description="weight of a residue's place as seen from its chain neighbours, against its place in space"
    )
