"""What a config file may say of them; read by every job, so without anything heavy."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from mdllm.config.choices import ModelSettings, TokenizerSettings, VariableSettings


class CoarseTorsionsSettings(TokenizerSettings):
    """A grid of backbone torsions with few bins."""

    implementation: ClassVar[str] = "mdllm_plugin.tokenizer:CoarseTorsions"
    name: Literal["coarse_torsions"]
    bins: PositiveInt = 8


class GruSettings(ModelSettings):
    """A gated recurrent unit (Cho et al., arXiv 1406.1078)."""

    implementation: ClassVar[str] = "mdllm_plugin.model:KIND"
    name: Literal["gru"]
    hidden_size: PositiveInt = 32


class EndToEndCV(VariableSettings):
    """Distance between the first and the last CA, nm."""

    implementation: ClassVar[str] = "mdllm_plugin.variable:end_to_end"
    unit: ClassVar[str] = "nm"
    type: Literal["end_to_end"]
