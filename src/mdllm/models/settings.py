"""What a config file may say of each model of codes; read without torch, since every job reads it."""

import pkgutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from mdllm.config.choices import ModelSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Section, Share, UnitInterval


class MistralSettings(ModelSettings):
    """A small Mistral (Jiang et al., arXiv 2310.06825) with random weights."""

    implementation: ClassVar[str] = "mdllm.models.mistral:KIND"
    name: Literal["mistral"] = "mistral"
    layers: PositiveInt = 2
    hidden_size: PositiveInt = 64
    heads: PositiveInt = 4
    key_value_heads: PositiveInt = 4
    intermediate_size: PositiveInt = 128
    dropout: Share = Field(0.0, description="attention dropout")

    @model_validator(mode="after")
    def _sizes(self):
        if self.hidden_size % (2 * self.heads) or self.heads % self.key_value_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be an even multiple of heads {self.heads}, and these a multiple "
                f"of key_value_heads {self.key_value_heads}"
            )
        return self

    @property
    def details(self) -> str:
        return f"{self.layers} layers of {self.hidden_size}"


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


class PretrainedSettings(ModelSettings):
    """A pretrained causal language model of Hugging Face, kept as it is, with adapters (QLoRA, arXiv 2305.14314)."""

    implementation: ClassVar[str] = "mdllm.models.pretrained:KIND"
    writes_text: ClassVar[bool] = True
    name: Literal["pretrained"]
    base: str = Field(description="folder with config.json, safetensors and tokenizer, or the model's name on the hub")
    revision: str | None = Field(None, description="of a base on the hub: branch, tag or commit; null: its main branch")
    quantization: Literal["nf4", "none"] = Field("nf4", description="of the base: 4-bit normal float, or bfloat16")
    lora: LoraSettings = LoraSettings()
    max_length: PositiveInt = Field(9000, description="tokens of the longest window; a longer one is an error")
    gradient_checkpointing: bool = Field(True, description="compute activations twice rather than keep them")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is one")

    @property
    def details(self) -> str:
        return self.base

    @property
    def asked_device(self) -> str:
        return self.device

    @property
    def recomputes_activations(self) -> bool:
        return self.gradient_checkpointing

    def requirements(self, cache: Path) -> Requirements:
        find_base = pkgutil.resolve_name("mdllm.models.base_folder:find_base")
        require_bitsandbytes = pkgutil.resolve_name("mdllm.models.quantization:require_bitsandbytes")
        base = (f"base model {self.base}", str(self.revision))
        needs: Requirements = {base: lambda: find_base(self.base, self.revision)}
        if self.quantization == "nf4":
            needs["Python package bitsandbytes", ""] = require_bitsandbytes
        return needs


class ScheduledSampling(Section):
    """Share of tokens of MD that training shows: epsilon^(t (1 - k^i)) at position t of a window in update i.

    nano-GPT, Eq. 7 and 8. Its values of epsilon and k are not printed; these are ours.
    """

    epsilon: UnitInterval = Field(0.9999, description="share at t = 1 after many updates; 1: MD tokens only")
    k: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="pace at which replacement sets in")


class NanoGptSettings(ModelSettings):
    """GPT with scheduled sampling in two passes (Zeng, Zhang & Yao, J. Chem. Theory Comput. 2025)."""

    implementation: ClassVar[str] = "mdllm.models.nanogpt:KIND"
    trainer: ClassVar[str | None] = "mdllm.models.training.scheduled_sampling:trainer"
    traceable: ClassVar[bool] = True
    name: Literal["nanogpt"]
    decoder: Literal["llama", "gpt2"] = Field(
        "llama", description="kind of blocks; llama: rotary positions; gpt2: learned ones, as in the nanoGPT code"
    )
    blocks: PositiveInt = Field(3, description="decoder blocks")
    hidden_size: PositiveInt = 64
    heads: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="of attention; gpt2: of embeddings and residuals as well"
    )
    scheduled_sampling: ScheduledSampling = ScheduledSampling()

    @model_validator(mode="after")
    def _sizes(self):
        even = 2 if self.decoder == "llama" else 1
        if self.hidden_size % (even * self.heads):
            multiple = "an even multiple" if even == 2 else "a multiple"
            raise ValueError(f"hidden_size {self.hidden_size} must be {multiple} of heads {self.heads}")
        return self

    @property
    def details(self) -> str:
        return f"{self.blocks} blocks of {self.hidden_size}"


class LstmSettings(ModelSettings):
    """Embedding, one LSTM layer, linear output (Tsai, Kuo & Tiwary, Nat. Commun. 11, 5115, 2020)."""

    implementation: ClassVar[str] = "mdllm.models.lstm:KIND"
    name: Literal["lstm"]
    embedding_size: PositiveInt = 8
    hidden_size: PositiveInt = 64

    @property
    def details(self) -> str:
        return f"{self.hidden_size} units"


class MarkovSettings(ModelSettings):
    """A reversible Markov state model of the training codes: what every language model has to beat."""

    implementation: ClassVar[str] = "mdllm.models.markov:KIND"
    trained: ClassVar[bool] = False
    name: Literal["markov"]
    lag: PositiveInt = Field(1, description="frames; a generated frame advances by as many")

    @property
    def frames_per_step(self) -> int:
        return self.lag
