"""The frozen weights of a base in 4-bit normal float (QLoRA, Dettmers et al., arXiv 2305.14314)."""

import importlib.util

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PretrainedConfig

from mdllm.core.errors import InputError


def quantization_arguments(quantization: str, base: PretrainedConfig) -> dict[str, BitsAndBytesConfig]:
    """What `from_pretrained` has to be told to quantize a base; nothing if it must not.

    NF4 with double quantization and arithmetic in bfloat16. A base whose files are NF4 already keeps its own settings,
    which even the argument ``quantization_config=None`` would undo.

    Raises:
        InputError: bitsandbytes is missing, or the base's files are quantized in a way that was not asked for.
    """
    stored = getattr(base, "quantization_config", None)
    if quantization == "none":
        if stored is not None:
            raise InputError(
                "model.quantization: none was asked for, but the base is quantized; choose nf4 or another base"
            )
        return {}
    require_bitsandbytes()
    if stored is None:
        nf4 = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        return {"quantization_config": nf4}
    if stored.get("bnb_4bit_quant_type") != "nf4":
        raise InputError(
            f"model.quantization: nf4 was asked for, but the base is stored as {stored.get('quant_method')} "
            f"({stored.get('bnb_4bit_quant_type', 'not 4 bit')}); choose a base in NF4, or one that is not quantized"
        )
    return {}


def require_bitsandbytes() -> None:
    """Raise an InputError where NF4 cannot be computed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError("model.quantization: nf4 needs bitsandbytes (pip install bitsandbytes==0.50.2)")


def keep_weights_as_stored(network: nn.Module) -> None:
    """Forbid bitsandbytes to repack NF4 weights for CPUs with AVX512-BF16.

    It would do so in the first evaluation, and weights that are saved afterwards can be wrong (bitsandbytes 0.50.2).
    """
    import bitsandbytes

    for module in network.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
