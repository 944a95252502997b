"""A small Mistral with random weights, trained from scratch on codes.

Axes: L residues, K codebook size, V token ids, H hidden size.
"""

import torch
from transformers import MistralConfig, MistralForCausalLM

from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ATTENTION, ModelKind
from mdllm.models.settings import MistralSettings


def build(settings: MistralSettings, vocabulary: Vocabulary, positions: int) -> MistralForCausalLM:
    """Mistral (Jiang et al., arXiv 2310.06825) of a size that a CPU can train, without its sliding window.

    Embeddings and output share one matrix: with few frames, half the weights per token learn more.
    """
    config = MistralConfig(
        vocab_size=vocabulary.size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.key_value_heads,
        max_position_embeddings=positions,
        attention_dropout=settings.dropout,
        tie_word_embeddings=True,
        sliding_window=None,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation=ATTENTION,
    )
    network = MistralForCausalLM(config)
    _relate_embeddings(network, vocabulary)
    return network


@torch.no_grad()
def _relate_embeddings(network: MistralForCausalLM, vocabulary: Vocabulary) -> None:
    """Add to the random embedding of every token a vector of its code and a vector of its residue.

    Codes of one codebook mean the same at every residue: so what is learned of a code at one residue, such as that it
    stays from frame to frame, is known at the others from the start.
    """
    weights = network.get_input_embeddings().weight
    scale = network.config.initializer_range
    code = scale * torch.randn(vocabulary.codebook_size, weights.shape[1])
    residue = scale * torch.randn(vocabulary.residues, 1, weights.shape[1])
    weights[torch.as_tensor(vocabulary.ids)] += code + residue


KIND = ModelKind(build=build)
