"""Preflight: everything that a run needs from outside, fetched now where there is a network, and listed if missing.

It stands above all stages, so that a run of days does not stop at its last one for want of a file.
"""

from collections.abc import Callable
from pathlib import Path

from mdllm.config.plan import Plan
from mdllm.config.settings.stages import FoldToken4Settings, PretrainedModel, StageSettings
from mdllm.config.settings.system import FilesSource, PackageSource
from mdllm.config.systems import KineticSystem, System
from mdllm.core.errors import InputError
from mdllm.models.base_folder import find_base
from mdllm.models.quantization import require_bitsandbytes
from mdllm.sources.acquire import fetch_package
from mdllm.sources.structures import fetch_structure
from mdllm.tokenizers.foldtoken4.files import FoldToken4Files

# What to ask for, by what it is called and what else tells it from others that are called so.
Needs = dict[tuple[str, str], Callable]


def missing(plan: Plan, cache: Path) -> list[str]:
    """What is not there and cannot be fetched, one message each with what to do; empty if the run can start."""
    needs: Needs = {}
    for name, system in plan.systems.items():
        needs |= _of_data(name, system, cache)
    for settings in _all_settings(plan):
        needs |= _of_settings(settings)
    found = []
    for (what, _), ask in needs.items():
        try:
            ask()
        except InputError as error:
            found.append(f"{what}: {error}")
    return found


def remarks(plan: Plan) -> list[str]:
    """What need not be wrong, but will be if the stages run on this machine."""
    import torch

    asked = any(getattr(settings.model, "device", None) == "cuda" for settings in _all_settings(plan))
    if not asked or torch.cuda.is_available():
        return []
    return [
        "model.device is cuda, and there is no GPU here: finetune and rollout must run on another machine, as they do "
        "under a cluster profile"
    ]


def _all_settings(plan: Plan) -> list[StageSettings]:
    return [variant.settings for system in plan.systems.values() for variant in system.variants.values()]


def _of_data(name: str, system: System | KineticSystem, cache: Path) -> Needs:
    """Raw files, packages and structures of one system."""
    source = system.settings.source
    structures = list(system.settings.references.values()) if isinstance(system, System) else []
    needs: Needs = {}
    if system.simulation is not None:
        structures.append(system.simulation[1].structure)
    elif isinstance(source, PackageSource):
        needs[f"{source.package} {source.version}", source.model_dump_json()] = lambda: fetch_package(source, cache)
    elif isinstance(source, FilesSource):
        needs[f"raw files of {name}", ""] = system.raw_files
    for structure in structures:
        if structure.pdb is not None:
            needs[f"PDB entry {structure.pdb.upper()}", ""] = lambda pdb=structure.pdb: fetch_structure(pdb, cache)
        else:
            needs[f"structure of {name}", structure.path] = lambda path=structure.path: _file(path)
    return needs


def _of_settings(settings: StageSettings) -> Needs:
    """Weights that a tokenizer or a model needs."""
    needs: Needs = {}
    tokenizer, model = settings.tokenizer, settings.model
    if isinstance(tokenizer, FoldToken4Settings):
        config = None if tokenizer.config is None else Path(tokenizer.config)
        needs["FoldToken4", tokenizer.model_dump_json()] = lambda: FoldToken4Files.find(
            Path(tokenizer.checkout), Path(tokenizer.weights), config, tokenizer.level, tokenizer.weights_checksum
        )
    if isinstance(model, PretrainedModel):
        needs[f"base model {model.base}", str(model.revision)] = lambda: find_base(model.base, model.revision)
        if model.quantization == "nf4":
            needs["Python package bitsandbytes", ""] = require_bitsandbytes
    return needs


def _file(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist (paths start at the working directory)")
