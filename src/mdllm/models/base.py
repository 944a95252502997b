"""The registry by which the config names a model, and where a model computes.

A model is a causal language model of transformers: token ids (B, T) to logits (B, T, V), with a cache of keys and
values. To add one, write a module with a function ``build(settings, vocabulary, positions)`` decorated with
``@register("name")``, give it a settings class in `mdllm.core.settings`, and name the module in `_MODULES`.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from mdllm.core.errors import InputError
from mdllm.language.vocabulary import Vocabulary

ATTENTION = "sdpa"

disable_progress_bar()

_REGISTRY: dict[str, Callable] = {}
_MODULES = {"mistral": "mdllm.models.mistral"}


def register(name: str):
    """Function decorator: make a builder known by `name`."""

    def add(builder: Callable) -> Callable:
        _REGISTRY[name] = builder
        return builder

    return add


def build_model(settings, vocabulary: Vocabulary, positions: int) -> PreTrainedModel:
    """The model that the config section `model` describes, ready to be trained.

    Args:
        settings: the config section `model`; its `name` chooses the builder.
        vocabulary: the token ids, V of them.
        positions: tokens of the longest window.

    Raises:
        InputError: no model has that name.
    """
    if settings.name not in _MODULES:
        raise InputError(f"model.name '{settings.name}' is unknown; choose one of {', '.join(sorted(_MODULES))}")
    importlib.import_module(_MODULES[settings.name])
    return _REGISTRY[settings.name](settings, vocabulary, positions)


def load_model(folder: Path) -> PreTrainedModel:
    """The trained model in `folder`, in evaluation mode on the device that is there."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=ATTENTION)
    return model.to(available_device()).eval()


def available_device() -> torch.device:
    """CUDA where there is a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
