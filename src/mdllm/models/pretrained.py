"""A pretrained causal language model with LoRA adapters, its own weights frozen, in NF4 or bfloat16.

The adapters are never merged into the base: in NF4 that would not be exact. Codes have token ids whose rows of the
embedding and of the output matrix are trained whole. Axes: L residues, K codebook size, V token ids.
"""

import logging
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import is_flash_attn_2_available

from mdllm.core.errors import InputError
from mdllm.core.records import read_json, write_json
from mdllm.language.code_tokens import code_vocabulary
from mdllm.language.forms import Language, load_language
from mdllm.language.text.language import TextLanguage
from mdllm.language.vocabulary import Vocabulary
from mdllm.models.base import ADAPTER, ATTENTION, ModelKind, chosen_device, keep_kind
from mdllm.models.base_folder import checksum, commit, find_base
from mdllm.models.quantization import keep_weights_as_stored, quantization_arguments
from mdllm.models.settings import PretrainedSettings

logger = logging.getLogger(__name__)

DESCRIPTION = "pretrained.json"
_ADAPTER_CONFIG = "adapter_config.json"


def language(settings: PretrainedSettings, form: str, residues: int, codebook_size: int) -> Language:
    """The language that the base's tokenizer can write.

    Raises:
        InputError: the base is missing, its tokenizer cannot be read or cannot write text as needed, or CUDA is asked
            for and absent.
    """
    chosen_device(settings.device)
    folder = _folder(settings)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"model.base: the tokenizer in {folder} cannot be read: {error}") from error
    if form == "text":
        return TextLanguage.of_tokenizer(tokenizer, residues, codebook_size)
    return code_vocabulary(tokenizer, AutoConfig.from_pretrained(folder).vocab_size, residues, codebook_size)


def build(settings: PretrainedSettings, language: Language, positions: int) -> PeftModel:
    """The base with untrained adapters. For text it computes exactly what the base does; codes are new to any base.

    Raises:
        InputError: the longest window exceeds `model.max_length`, LoRA's targets are not in the base, or the base
            cannot be quantized as asked.
    """
    if positions > settings.max_length:
        raise InputError(
            f"the longest window has {positions} tokens ({language.residues} residues, {language.codebook_size} codes) "
            f"and model.max_length is {settings.max_length}; lower language.context_frames, choose language.form codes "
            "or a smaller codebook, or raise model.max_length if base and memory allow it"
        )
    attention = chosen_attention(chosen_device(settings.device))
    logger.info("attention: %s", attention)
    network = _load_base(settings, language, attention)
    tokens = None
    if isinstance(language, Vocabulary):
        ids = language.ids[0].tolist()
        _start_code_tokens(network, ids)
        tokens = dict.fromkeys(_token_matrices(network), ids)
    lora = LoraConfig(
        r=settings.lora.r,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=settings.lora.targets,
        bias="none",
        task_type="CAUSAL_LM",
        trainable_token_indices=tokens,
    )
    absent = [name for name in settings.lora.targets if not any(n.endswith(name) for n, _ in network.named_modules())]
    if absent:
        raise InputError(f"model.lora.targets: the base has no layer {', '.join(absent)}")
    return get_peft_model(network, lora)


def chosen_attention(device: torch.device) -> str:
    """Attention in training: flash attention where it can be imported and runs, else sdpa, which holds its kernel."""
    return "flash_attention_2" if device.type == "cuda" and is_flash_attn_2_available() else ATTENTION


def keep(checkpoint: Path, settings: PretrainedSettings, folder: Path) -> None:
    """Write the adapter of a checkpoint of the Trainer, and what it belongs to, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_kind(settings, folder)
    shutil.copyfile(checkpoint / ADAPTER, folder / ADAPTER)
    config = read_json(checkpoint / _ADAPTER_CONFIG)
    write_json(folder / _ADAPTER_CONFIG, config | {"target_modules": sorted(config["target_modules"])})
    base = checksum(_folder(settings))
    write_json(folder / DESCRIPTION, {"settings": settings.model_dump(mode="json"), "base_sha256": base})


def load(folder: Path) -> PeftModel:
    """The base and the adapter in `folder`, in evaluation mode.

    Attention is sdpa: a static cache of keys and values cannot be read by flash attention.

    Raises:
        InputError: the base is missing or another one than the adapter was trained on.
    """
    return _with_adapter(folder, ATTENTION).eval()


def resume(folder: Path) -> PeftModel:
    """The base and the adapter in `folder`, which is trained further, with the attention of training."""
    return _with_adapter(folder, is_trainable=True).train()


def _with_adapter(folder: Path, attention: str | None = None, is_trainable: bool = False) -> PeftModel:
    """`attention`: None is that of training."""
    description = read_json(folder / DESCRIPTION)
    settings = PretrainedSettings.model_validate(description["settings"])
    base = _folder(settings)
    if checksum(base) != description["base_sha256"]:
        raise InputError(
            f"{folder} was trained on another base than the one that is now in {base}; put the old one back, or train "
            "again"
        )
    attention = attention or chosen_attention(chosen_device(settings.device))
    network = _load_base(settings, load_language(folder / "vocabulary.json"), attention)
    return PeftModel.from_pretrained(network, folder, is_trainable=is_trainable)


def origin(settings: PretrainedSettings) -> dict[str, str]:
    """The commit of a base of the hub; nothing of a folder, which its checksum alone tells from others."""
    found = commit(_folder(settings))
    return {} if found is None else {"base_commit": found}


def _folder(settings: PretrainedSettings) -> Path:
    return find_base(settings.base, settings.revision)


def _load_base(settings: PretrainedSettings, language: Language, attention: str) -> PreTrainedModel:
    folder = _folder(settings)
    device = chosen_device(settings.device)
    network = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.bfloat16,
        attn_implementation=attention,
        device_map={"": device},
        **quantization_arguments(settings.quantization, AutoConfig.from_pretrained(folder)),
    )
    if settings.quantization == "nf4":
        keep_weights_as_stored(network)
    if language.size > network.get_input_embeddings().num_embeddings:
        network.resize_token_embeddings(language.size, mean_resizing=False)
    return network


def _token_matrices(network: PreTrainedModel) -> list[str]:
    """Names of the modules that hold one row per token id: the embedding and, unless it is the same, the output."""
    matrices = [network.get_input_embeddings()]
    if not network.config.tie_word_embeddings:
        matrices.append(network.get_output_embeddings())
    return [name.rsplit(".", 1)[-1] for name, module in network.named_modules() if any(module is m for m in matrices)]


@torch.no_grad()
def _start_code_tokens(network: PreTrainedModel, ids: list[int]) -> None:
    """Give the rows of code tokens random values, distributed like the rows of all other tokens.

    What reserved rows hold is arbitrary; with equal rows all codes would start as one.
    """
    rest = torch.ones(network.get_input_embeddings().num_embeddings, dtype=torch.bool)
    rest[ids] = False
    for module in dict.fromkeys((network.get_input_embeddings(), network.get_output_embeddings())):
        known = module.weight[rest.to(module.weight.device)].float()
        noise = torch.randn(len(ids), known.shape[1]).to(known.device)
        module.weight[ids] = (known.mean(0) + known.std(0) * noise).to(module.weight.dtype)


KIND = ModelKind(language=language, build=build, keep=keep, load=load, resume=resume, origin=origin)
