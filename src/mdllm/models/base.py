"""The registry by which the config names a model, and where a model computes.

A model is a causal language model of transformers: token ids (B, T) to logits (B, T, V), with a cache of keys and
values. To add one, write a module with a `ModelKind` and a settings class (derived from
`mdllm.config.choices.ModelSettings`) that names it, and name that class in `MODELS` there or, from another package, in
an entry point of the group `mdllm.models`. `mdllm.models.lstm` is a short example.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, StaticCache
from transformers.utils.logging import disable_progress_bar

from mdllm.config.choices import MODELS, ModelSettings
from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_json
from mdllm.language.forms import Language
from mdllm.language.vocabulary import Vocabulary

ATTENTION = "sdpa"
ADAPTER = "adapter_model.safetensors"
_KIND = "kind.json"

disable_progress_bar()


def language_of_codes(settings, form: str, residues: int, codebook_size: int) -> Vocabulary:
    """One token per code and residue, and no others: the language of all models that are trained from scratch.

    Raises:
        InputError: text, of which a model from scratch knows nothing.
    """
    if form != "codes":
        raise InputError(f"language.form: {form} needs a pretrained model; choose model.name pretrained, or codes")
    return Vocabulary.from_scratch(residues, codebook_size)


def keep_weights(checkpoint: Path, settings: ModelSettings, folder: Path) -> None:
    """Write the weights of a checkpoint, and their config, into `folder`."""
    AutoModelForCausalLM.from_pretrained(checkpoint).save_pretrained(folder)
    keep_kind(settings, folder)


def keep_kind(settings: ModelSettings, folder: Path) -> None:
    """Write which kind of model `folder` holds, for `load_model`."""
    write_json(folder / _KIND, {"name": settings.name})


def load_weights(folder: Path) -> PreTrainedModel:
    """The model that `keep_weights` wrote, in evaluation mode on the device that is there."""
    return AutoModelForCausalLM.from_pretrained(folder).to(chosen_device()).eval()


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """What a kind of model has to offer.

    Attributes:
        language: (settings, form, residues, codebook_size) to the language that the model reads and writes.
        build: (settings, language, tokens of the longest window) to the model, ready to be trained.
        keep: (checkpoint of the Trainer, settings, folder) writes the trained model, and its kind, for `load`.
        load: (folder) to the trained model, in evaluation mode.
        resume: (folder) to the trained model, ready to be trained further.
        origin: (settings) to what `training.json` adds about where the model came from.

    A model whose cache is not one of keys and values has a method ``new_cache(tokens)``; one that is estimated rather
    than trained by gradients has a method ``estimate(codes, stretches)`` (see `mdllm.models.training.train`).
    """

    language: Callable[..., Language] = language_of_codes
    build: Callable[..., PreTrainedModel]
    keep: Callable[..., None] = keep_weights
    load: Callable[[Path], PreTrainedModel] = load_weights
    resume: Callable[[Path], PreTrainedModel] = lambda folder: load_weights(folder).train()
    origin: Callable[..., dict[str, str]] = lambda settings: {}


def model_kind(name: str) -> ModelKind:
    """The kind of model that `name` in the config section `model` chooses.

    Raises:
        InputError: no model has that name.
    """
    if name not in MODELS.classes:
        raise InputError(f"model.name '{name}' is unknown; choose one of {', '.join(sorted(MODELS.classes))}")
    return MODELS.classes[name].load()


def build_model(settings: ModelSettings, language: Language, positions: int) -> PreTrainedModel:
    """The model that the config section `model` describes, ready to be trained.

    Args:
        settings: the config section `model`; its `name` chooses the kind.
        language: what the model reads and writes, with the token ids, V of them.
        positions: tokens of the longest window.
    """
    return model_kind(settings.name).build(settings, language, positions)


def load_model(folder: Path) -> PreTrainedModel:
    """The trained model in `folder`, in evaluation mode on the device that is there."""
    return model_kind(read_json(folder / _KIND)["name"]).load(folder)


def resume_model(folder: Path) -> PreTrainedModel:
    """The trained model in `folder`, ready to be trained further."""
    return model_kind(read_json(folder / _KIND)["name"]).resume(folder)


def new_cache(model: PreTrainedModel, tokens: int) -> Any:
    """What `past_key_values` of a model takes, for at most `tokens` tokens; its ``reset`` empties it."""
    own = getattr(model, "new_cache", None)
    return StaticCache(model.config, max_cache_len=tokens) if own is None else own(tokens)


def weights_file(folder: Path) -> Path:
    """The file of a trained model by which it is known: its adapter, or all of its weights."""
    return next(path for path in (folder / ADAPTER, folder / "model.safetensors") if path.exists())


def chosen_device(asked: str = "auto") -> torch.device:
    """The device of this process: `cpu`, `cuda`, or, if `auto`, CUDA where there is a GPU.

    Raises:
        InputError: CUDA is asked for, but torch finds no GPU, or fewer than there are processes.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "model.device: cuda was asked for, but torch finds no GPU; run on a machine with one, install torch with "
            "CUDA, or set model.device to auto or cpu"
        )
    if asked == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))  # set by `accelerate launch`
    if number >= torch.cuda.device_count():
        raise InputError(
            f"{processes()} processes, one per GPU, but torch finds {torch.cuda.device_count()}; lower the resource "
            "`gpu`, or check what the job was given (CUDA_VISIBLE_DEVICES)"
        )
    return torch.device("cuda", number)


def processes() -> int:
    """Number of processes that train together, as `accelerate launch` says."""
    return int(os.environ.get("WORLD_SIZE", "1"))
