"""What a config file may say of the tokenizer `foldtoken4`."""

import pkgutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from mdllm.config.choices import TokenizerSettings
from mdllm.config.registry import Requirements


class FoldToken4Settings(TokenizerSettings):
    """The released FoldToken4, from the user's copies of its code and weights (docs/foldtoken4.md)."""

    implementation: ClassVar[str] = "mdllm.tokenizers.foldtoken4.tokenizer:FoldToken4"
    environment: ClassVar[str] = "foldtoken4"
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

    def requirements(self, cache: Path) -> Requirements:
        find = pkgutil.resolve_name("mdllm.tokenizers.foldtoken4.files:FoldToken4Files.find")
        config = None if self.config is None else Path(self.config)
        place = (Path(self.checkout), Path(self.weights), config, self.level, self.weights_checksum)
        return {("FoldToken4", self.model_dump_json()): lambda: find(*place)}
