"""Preflight: everything that a run needs from outside, fetched now where there is a network, and listed if missing.

It stands above all stages, so that a run of days does not stop at its last one for want of a file.
"""

from collections.abc import Callable
from pathlib import Path

from mdllm.core.config import Plan, System
from mdllm.core.errors import InputError
from mdllm.core.settings import FoldToken4Settings, PretrainedModel, StageSettings
from mdllm.core.simulation_settings import SimulationSource
from mdllm.core.system_settings import PackageSource
from mdllm.data.acquire import fetch_package
from mdllm.data.structures import fetch_structure
from mdllm.models.base_folder import find_base
from mdllm.tokenizers.foldtoken4_files import FoldToken4Files


def missing(plan: Plan, cache: Path) -> list[str]:
    """What is not there and cannot be fetched, one message each with what to do; empty if the run can start."""
    needs: dict[str, Callable] = {}
    for name, system in plan.systems.items():
        needs |= _of_data(name, system, cache)
        for variant in system.variants.values():
            needs |= _of_settings(variant.settings)
    found = []
    for what, ask in needs.items():
        try:
            ask()
        except InputError as error:
            found.append(f"{what}: {error}")
    return found


def _of_data(name: str, system: System, cache: Path) -> dict[str, Callable]:
    """Raw files, packages and structures of one system."""
    source = system.settings.source
    structures = list(system.settings.references.values())
    needs: dict[str, Callable] = {}
    if isinstance(source, PackageSource):
        needs[f"{source.package} {source.version}"] = lambda: fetch_package(source, cache)
    elif isinstance(source, SimulationSource):
        structures.append(source.structure)
    else:
        needs[f"raw files of {name}"] = system.raw_files
    for structure in structures:
        if structure.pdb is not None:
            needs[f"PDB entry {structure.pdb.upper()}"] = lambda pdb=structure.pdb: fetch_structure(pdb, cache)
        else:
            needs[f"structure of {name}"] = lambda path=structure.path: _file(path)
    return needs


def _of_settings(settings: StageSettings) -> dict[str, Callable]:
    """Weights that a tokenizer or a model needs."""
    needs: dict[str, Callable] = {}
    tokenizer, model = settings.tokenizer, settings.model
    if isinstance(tokenizer, FoldToken4Settings):
        config = None if tokenizer.config is None else Path(tokenizer.config)
        needs["FoldToken4"] = lambda: FoldToken4Files.find(
            Path(tokenizer.checkout), Path(tokenizer.weights), config, tokenizer.level, tokenizer.weights_checksum
        )
    if isinstance(model, PretrainedModel):
        needs[f"base model {model.base}"] = lambda: find_base(model.base)
    return needs


def _file(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist (paths start at the working directory)")
