"""The LSTM baseline: embedding, one LSTM layer, linear output, behind the interface of transformers' language models.

Windows are trained from a zero state. The published code carries the state over shuffled batches, which joins parts of
the trajectory that do not follow each other; that is not copied.

Axes: R replicas or windows, T tokens, V token ids, H hidden size. Source: Tsai, Kuo & Tiwary, Nat. Commun. 11, 5115
(2020).
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ModelKind
from mdllm.models.settings import LstmSettings


class LstmConfig(PretrainedConfig):
    model_type = "mdllm_lstm"

    def __init__(self, vocab_size: int = 2, embedding_size: int = 8, hidden_size: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.embedding_size, self.hidden_size = vocab_size, embedding_size, hidden_size


@dataclass
class RecurrentState:
    """Hidden and cell state (1, R, H) after all tokens so far; None before the first."""

    values: tuple[torch.Tensor, torch.Tensor] | None = None

    def reset(self) -> None:
        self.values = None


class LstmForCausalLM(PreTrainedModel):
    config_class = LstmConfig

    def __init__(self, config: LstmConfig):
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_size, batch_first=True)
        self.output = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def _init_weights(self, module) -> None:
        """The defaults of torch, which the layers have already."""

    def get_output_embeddings(self) -> nn.Linear:
        return self.output

    def new_cache(self, tokens: int) -> RecurrentState:
        """What `past_key_values` takes; its size does not depend on the number of tokens."""
        return RecurrentState()

    def forward(
        self,
        input_ids: torch.Tensor,
        labels: torch.Tensor | None = None,
        past_key_values: RecurrentState | None = None,
        use_cache: bool = False,
        logits_to_keep: int = 0,
    ) -> CausalLMOutputWithPast:
        """Logits (R, T, V) of the token after each of `input_ids` (R, T); the loss is computed outside."""
        hidden, state = self.lstm(self.embedding(input_ids), past_key_values and past_key_values.values)
        if past_key_values is not None:
            past_key_values.values = state
        return CausalLMOutputWithPast(logits=self.output(hidden[:, -logits_to_keep:]))


def build(settings: LstmSettings, vocabulary: Vocabulary, positions: int) -> LstmForCausalLM:
    """An LSTM with random weights; any number of positions will do."""
    return LstmForCausalLM(LstmConfig(vocabulary.size, settings.embedding_size, settings.hidden_size))


AutoConfig.register(LstmConfig.model_type, LstmConfig, exist_ok=True)
AutoModelForCausalLM.register(LstmConfig, LstmForCausalLM, exist_ok=True)
KIND = ModelKind(build=build)
