"""Weights that others have trained: SeqDance and ESMDance as released, and ESM2.

None of them comes with mdllm. They are taken from a file, a folder, or the Hugging Face hub and its cache; SHA-256 is
checked. Names of parameters in the released files are not relied upon: the encoder's are those of transformers after
any prefix, those of the heads follow from shapes and from which module they belong to.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import EsmConfig, EsmForMaskedLM, EsmModel

from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, RESIDUE
from mdllm.seqdance.network import DanceNetwork, encoder_config
from mdllm.seqdance.settings import SeqDanceNetworkSettings
from mdllm.seqdance.tokens import VOCABULARY
from mdllm.sources.checksums import checked

_FILES = ["config.json", "*.safetensors"]
_IDLE = ("position_ids", "inv_freq")  # constants that some versions of transformers keep with the parameters
_ROOTS = ("embeddings.", "encoder.", "contact_head.")


def find_weights(source: str, sha256: str | None = None) -> Path:
    """The safetensors file of a model: itself, the only one of a folder, or that of a model on the hub.

    Args:
        sha256: what it must have; None: what it had when it was first used.

    Raises:
        InputError: there is none, or it is another than it should be.
    """
    path = Path(source)
    if not path.exists():
        try:
            path = Path(snapshot_download(source, allow_patterns=_FILES))
        except (OSError, HFValidationError) as error:
            name = source.rsplit("/", 1)[-1]
            raise InputError(
                f"'{source}' is no file or folder, is not in the local Hugging Face cache, and could not be fetched "
                f"({type(error).__name__}). On a machine with a network run `hf download {source} --local-dir "
                f"external/{name}`, copy that folder (model.safetensors and, if it has one, config.json) to "
                f"external/{name} in the working directory here, and name external/{name}"
            ) from error
    if path.is_dir():
        found = sorted(path.glob("*.safetensors"))
        if len(found) != 1:
            raise InputError(f"{path} holds {len(found)} files *.safetensors; name the one that is meant")
        path = found[0]
    return checked(path, sha256)


def esm2(source: str, sha256: str | None = None) -> EsmModel:
    """An ESM2, in evaluation mode.

    Raises:
        InputError: as `find_weights`, or it is no ESM2.
    """
    return _esm2(EsmModel, find_weights(source, sha256), add_pooling_layer=False)


def esm2_masked(source: str, sha256: str | None = None) -> EsmForMaskedLM:
    """An ESM2 with the layer that fills in masked residues. Raises InputError as `esm2`."""
    return _esm2(EsmForMaskedLM, find_weights(source, sha256))


def _esm2(kind, weights: Path, **options):
    folder = weights.parent
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} lacks config.json, which says of what size the ESM2 is; fetch it as well")
    config = EsmConfig.from_pretrained(folder)
    if config.model_type != "esm" or config.vocab_size != len(VOCABULARY):
        raise InputError(
            f"{folder} holds no ESM2: its vocabulary has {config.vocab_size} tokens, not {len(VOCABULARY)}"
        )
    network, report = kind.from_pretrained(
        folder, config=config, attn_implementation="eager", output_loading_info=True, **options
    )
    # Of a file with the encoder alone nothing but the head for contacts, which nobody asks, may be missing.
    if lacking := sorted(key for key in report["missing_keys"] if "contact_head" not in key):
        raise InputError(f"{weights} lacks {lacking[0]}, and {len(lacking)} parameters in all; fetch the whole model")
    return network.eval()


def released_network(source: str, sha256: str | None = None, encoder: str | None = None) -> DanceNetwork:
    """SeqDance or ESMDance from its released weights, in evaluation mode; maps are directed, as in the paper.

    Args:
        encoder: where the encoder is, if the file holds the heads alone; see `find_weights`.

    Raises:
        InputError: as `find_weights`, or the parameters are not those of such a model.
    """
    file = find_weights(source, sha256)
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise InputError(f"{file} is no safetensors file that can be read: {error}") from error
    own, others = _split(weights)
    if own and encoder:
        raise InputError(f"encoder {encoder} has no effect: {file} holds one")
    if own:
        config = _config(file, own)
    elif encoder:
        base = esm2(encoder)
        config, own = base.config, base.state_dict()
    else:
        raise InputError(f"{file} holds no encoder; say where the ESM2 is that belongs to it")
    network = DanceNetwork(config, dropout=0.0, symmetric=False, frozen=False)
    named = {f"encoder.{name}": value for name, value in own.items()}
    named |= _heads(others, config.hidden_size, str(file))
    try:
        report = network.load_state_dict(named, strict=False)
    except RuntimeError as error:
        raise InputError(f"{file} does not hold the parameters of SeqDance or ESMDance: {error}") from error
    lacking = [name for name in report.missing_keys if not name.endswith(_IDLE) and "contact_head" not in name]
    if wrong := [*lacking, *report.unexpected_keys]:
        raise InputError(
            f"{file} does not hold the parameters of SeqDance or ESMDance: {wrong[0]}, and {len(wrong)} in all, are "
            "missing or unknown"
        )
    return network.eval()


def _split(weights: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Parameters of the encoder, as `EsmModel` names them, and all others but those of its language head."""
    anchor = next((name for name in weights if name.endswith("embeddings.word_embeddings.weight")), None)
    prefix = "" if anchor is None else anchor.removesuffix("embeddings.word_embeddings.weight")
    own, others = {}, {}
    for name, value in weights.items():
        rest = name.removeprefix(prefix)
        inside = anchor is not None and name.startswith(prefix) and rest.startswith(_ROOTS)
        if inside and not rest.endswith(_IDLE):
            own[rest] = value.float()
        elif not inside and "lm_head" not in name:
            others[name] = value.float()
    return own, others


def _config(file: Path, encoder: Mapping[str, torch.Tensor]) -> EsmConfig:
    """That of `config.json` beside the weights; else ESM2-35M's heads, the rest as the weights have it."""
    if (file.parent / "config.json").is_file():
        return EsmConfig.from_pretrained(file.parent)
    layers = 1 + max(int(name.split(".")[2]) for name in encoder if name.startswith("encoder.layer."))
    feed_forward, width = encoder["encoder.layer.0.intermediate.dense.weight"].shape
    return encoder_config(SeqDanceNetworkSettings(layers=layers, width=width, feed_forward=feed_forward, dropout=0.0))


def _heads(weights: Mapping[str, torch.Tensor], width: int, where: str) -> dict[str, torch.Tensor]:
    """Parameters of the heads under our names, told apart by shape and by the module that they belong to."""
    modules: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in weights.items():
        module, _, kind = name.rpartition(".")
        modules.setdefault(module, {})[kind] = value

    def of_shape(*shape: int) -> list[str]:
        return [name for name, own in modules.items() if "weight" in own and own["weight"].shape == shape]

    last = {"residue": of_shape(len(RESIDUE), width), "pair": of_shape(2 * width, width)}
    ours = {"residue_head.4": last["residue"], "pair_head.queries_keys.4": last["pair"]}
    ours["pair_head.hidden"] = of_shape(width // 2, 2 * width)
    ours["pair_head.out"] = [name for name, own in modules.items() if len(own.get("weight", ())) == len(PAIR)]
    for block, own, other in (
        ("residue_head", last["residue"], last["pair"]),
        ("pair_head.queries_keys", last["pair"], last["residue"]),
    ):
        ours[f"{block}.0"] = _nearest(of_shape(width, width), own, other)
        ours[f"{block}.2"] = _nearest(of_shape(width), own, other)
    found = {}
    for name, theirs in ours.items():
        if len(theirs) != 1:
            raise InputError(
                f"{where}: {len(theirs)} modules could be {name} of the heads, and one must be; it holds "
                f"{', '.join(modules)}"
            )
        for kind in ("weight", "bias"):
            if kind not in modules[theirs[0]]:
                raise InputError(f"{where}: {theirs[0]} has no {kind}")
            found[f"{name}.{kind}"] = modules[theirs[0]][kind]
    return found


def _nearest(names: list[str], own: list[str], other: list[str]) -> list[str]:
    """Of modules, those whose names begin more like `own` than like `other`."""
    if len(own) != 1 or len(other) != 1:
        return []
    return [name for name in names if _common(name, own[0]) > _common(name, other[0])]


def _common(a: str, b: str) -> int:
    """Number of parts that two dotted names have in common at their beginning."""
    parts = list(zip(a.split("."), b.split("."), strict=False))
    return next((number for number, (x, y) in enumerate(parts) if x != y), len(parts))
