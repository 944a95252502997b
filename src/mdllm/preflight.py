"""Preflight: everything that a run needs from outside, fetched now where there is a network, and listed if missing.

It stands above all stages, so that a run of days does not stop at its last one for want of a file.
"""

from importlib.util import find_spec
from pathlib import Path

from mdllm.config.plan import Plan
from mdllm.config.registry import Requirements
from mdllm.config.settings.stages import StageSettings
from mdllm.config.systems import System
from mdllm.core.errors import InputError
from mdllm.sources.structures import fetch_structure


def missing(plan: Plan, cache: Path) -> list[str]:
    """What is not there and cannot be fetched, one message each with what to do; empty if the run can start."""
    needs: Requirements = {}
    for name, system in {**plan.systems, **plan.teachers}.items():
        needs |= _of_data(name, system, cache)
    for settings in _all_settings(plan):
        needs |= settings.tokenizer.requirements(cache) | settings.model.requirements(cache)
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

    asked = any(settings.model.asked_device == "cuda" for settings in _all_settings(plan))
    if not asked or torch.cuda.is_available():
        return []
    return [
        "model.device is cuda, and there is no GPU here: train and rollout must run on another machine, as they do "
        "under a cluster profile"
    ]


def _all_settings(plan: Plan) -> list[StageSettings]:
    return [variant.settings for system in plan.systems.values() for variant in system.variants.values()]


def _of_data(name: str, system: System, cache: Path) -> Requirements:
    """Raw files, packages and structures of one system."""
    source = system.settings.source
    structures = list(system.settings.references.values())
    needs: Requirements = {}
    if system.simulation is not None:
        structures.append(system.simulation[1].structure)
        needs["source.type simulation", ""] = _openmm
    else:
        needs |= source.requirements(cache)
        needs[f"raw files of {name}", ""] = system.raw_files
    for structure in structures:
        if structure.pdb is not None:
            needs[f"PDB entry {structure.pdb.upper()}", ""] = lambda pdb=structure.pdb: fetch_structure(pdb, cache)
        else:
            needs[f"structure of {name}", structure.path] = lambda path=structure.path: _file(path)
    return needs


def _openmm() -> None:
    for module in ("openmm", "pdbfixer"):
        if find_spec(module) is None:
            raise InputError(f"{module} is not installed; pip install 'mdllm[simulation]'")


def _file(path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist (paths start at the working directory)")
