"""A model behind the interface of transformers' causal language models."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from mdllm.models.base import ModelKind


class GruConfig(PretrainedConfig):
    model_type = "mdllm_plugin_gru"

    def __init__(self, vocab_size: int = 2, hidden_size: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size


@dataclass
class Hidden:
    value: torch.Tensor | None = None

    def reset(self) -> None:
        self.value = None


class GruForCausalLM(PreTrainedModel):
    config_class = GruConfig

    def __init__(self, config: GruConfig):
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.gru = nn.GRU(config.hidden_size, config.hidden_size, batch_first=True)
        self.output = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def _init_weights(self, module) -> None:
        """The defaults of torch."""

    def new_cache(self, tokens: int) -> Hidden:
        return Hidden()

    def forward(self, input_ids, labels=None, past_key_values=None, use_cache=False, logits_to_keep=0):
        hidden, last = self.gru(self.embedding(input_ids), past_key_values and past_key_values.value)
        if past_key_values is not None:
            past_key_values.value = last
        return CausalLMOutputWithPast(logits=self.output(hidden[:, -logits_to_keep:]))


def build(settings, vocabulary, positions: int) -> GruForCausalLM:
    return GruForCausalLM(GruConfig(vocabulary.size, settings.hidden_size))


AutoConfig.register(GruConfig.model_type, GruConfig, exist_ok=True)
AutoModelForCausalLM.register(GruConfig, GruForCausalLM, exist_ok=True)
KIND = ModelKind(build=build)
