"""nano-GPT: a GPT of decoder blocks, trained from scratch on codes with scheduled sampling.

The network is GPT-2 of transformers (learned positions, pre-norm blocks, tied embeddings), which is what the nanoGPT
code that the paper names implements. Width, heads and learning rate are not printed in the paper; ours are settings.

Source: Zeng, Zhang & Yao, J. Chem. Theory Comput. 2025, 10.1021/acs.jctc.5c00180.
"""

from transformers import GPT2Config, GPT2LMHeadModel

from mdllm.core.errors import InputError
from mdllm.core.sequence_settings import NanoGptModel
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ATTENTION, ModelKind, keep_weights, language_of_codes, register


def build(settings: NanoGptModel, vocabulary: Vocabulary, positions: int) -> GPT2LMHeadModel:
    """A GPT-2 with random weights.

    Raises:
        InputError: a hidden size that the heads do not divide.
    """
    if settings.hidden_size % settings.heads:
        raise InputError(f"model.hidden_size {settings.hidden_size} must be a multiple of model.heads {settings.heads}")
    config = GPT2Config(
        vocab_size=vocabulary.size,
        n_positions=positions,
        n_embd=settings.hidden_size,
        n_layer=settings.blocks,
        n_head=settings.heads,
        initializer_range=settings.hidden_size**-0.5,  # GPT-2's 0.02 is that of 768 channels: too small for a few
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=settings.dropout,
        attn_pdrop=settings.dropout,
        resid_pdrop=settings.dropout,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation=ATTENTION,
    )
    return GPT2LMHeadModel(config)


register("nanogpt", ModelKind(language_of_codes, build, keep_weights))
