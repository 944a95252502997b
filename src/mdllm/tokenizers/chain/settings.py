"""What a config file may say of the tokenizer `chain`."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveInt

from mdllm.config.choices import TokenizerSettings

SIZES = (64, 128, 256, 512, 1024)  # of the codebooks that come with mdllm


def _shipped(size: int) -> int:
    if size not in SIZES:
        raise ValueError(f"no codebook of {size} steps comes with mdllm; choose one of {SIZES}")
    return size


CodebookSize = Annotated[
    int,
    AfterValidator(_shipped),
    Field(
        description="number of codes K, of a codebook that comes with mdllm", json_schema_extra={"enum": list(SIZES)}
    ),
]


class ChainSettings(TokenizerSettings):
    implementation: ClassVar[str] = "mdllm.tokenizers.chain.tokenizer:Chain"
    name: Literal["chain"]
    codebook_size: CodebookSize = 512
    beam: PositiveInt = Field(8, description="ways to code a frame that are followed side by side")
    step_weight: Annotated[float, Field(ge=0)] = Field(
        0.3, description="weight of the distance between a code and its own step, against that of the pose it leads to"
    )
