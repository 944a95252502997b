"""nano-GPT: a GPT of decoder blocks, trained from scratch on codes with scheduled sampling.

Two kinds of blocks, both of transformers: those of GPT-2 (learned positions, GELU), which the nanoGPT code that the
paper names implements, and those of Llama (rotary positions, gated SiLU), which learn as much from fewer updates: how a
frame depends on the few before it is then the same at every position, and need not be learned for each anew
(docs/kinetics.md has both side by side). Width, heads and learning rate are not printed in the paper; ours are
settings.

Source: Zeng, Zhang & Yao, J. Chem. Theory Comput. 2025, 10.1021/acs.jctc.5c00180.
"""

from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ATTENTION, ModelKind
from mdllm.models.settings import NanoGptSettings

NanoGpt = GPT2LMHeadModel | LlamaForCausalLM


def build(settings: NanoGptSettings, vocabulary: Vocabulary, positions: int) -> NanoGpt:
    """A GPT with random weights, whose embeddings are its output matrix as well."""
    return {"llama": _llama, "gpt2": _gpt2}[settings.decoder](
        settings,
        vocab_size=vocabulary.size,
        initializer_range=settings.hidden_size**-0.5,  # the usual 0.02 is that of 768 channels: too small for a few
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation=ATTENTION,
        max_position_embeddings=positions,
    )


def _llama(settings: NanoGptSettings, **shared) -> LlamaForCausalLM:
    config = LlamaConfig(
        hidden_size=settings.hidden_size,
        intermediate_size=8 * settings.hidden_size // 3,  # three matrices with as many weights as GPT-2's two
        num_hidden_layers=settings.blocks,
        num_attention_heads=settings.heads,
        attention_dropout=settings.dropout,
        tie_word_embeddings=True,
        **shared,
    )
    return LlamaForCausalLM(config)


def _gpt2(settings: NanoGptSettings, *, max_position_embeddings: int, **shared) -> GPT2LMHeadModel:
    config = GPT2Config(
        n_embd=settings.hidden_size,
        n_layer=settings.blocks,
        n_head=settings.heads,
        n_positions=max_position_embeddings,
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=settings.dropout,
        attn_pdrop=settings.dropout,
        resid_pdrop=settings.dropout,
        **shared,
    )
    return GPT2LMHeadModel(config)


def layers(model: NanoGpt) -> list[nn.Module]:
    """What enters the first block, and each block: modules whose outputs are the hidden states (R, T, H)."""
    body = model.base_model
    return [body.drop, *body.h] if isinstance(model, GPT2LMHeadModel) else [body.embed_tokens, *body.layers]


KIND = ModelKind(build=build)
