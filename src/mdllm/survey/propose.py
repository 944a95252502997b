"""Propose: look at raw files, and write a system file and what was seen of them, in tables, into a project."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from mdllm.config.reading import validate
from mdllm.config.section import NAME_PATTERN
from mdllm.config.settings.system import SystemSettings
from mdllm.core.errors import InputError
from mdllm.core.records import replacing, write_json
from mdllm.observables.bound import BoundObservables
from mdllm.survey.frames import look
from mdllm.survey.proposal import Proposal, proposal_of
from mdllm.survey.reference import known_structure
from mdllm.survey.states import Distances
from mdllm.survey.text import system_file

FOLDER = "survey"


def propose(name: str, topology: Path, trajectories: Sequence[Path], reference: str | None, project: Path) -> Proposal:
    """Look at raw files, and write a system file and what was seen of them into a project.

    Args:
        name: of the system.
        trajectories: none: the frames of the topology, where it has several.
        reference: a structure file, or an entry of the Protein Data Bank.
        project: the folder that holds `config/`.

    Raises:
        InputError: the name is taken or no name, or the files do not do; see `mdllm.survey.frames.look`.
    """
    file = new_system_path(project, name)
    survey = look(topology, trajectories)
    known = known_structure(reference, survey.atoms.universe()) if reference else None
    proposal, bound, table = proposal_of(name, survey, known)
    text = system_file(proposal)
    validate(SystemSettings, yaml.safe_load(text), "what mdllm init proposes (a defect of mdllm, please report it)")
    folder = survey_folder(project, name)
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(proposal, bound, table, folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.write_text(text)
    return proposal


def system_path(project: Path, name: str) -> Path:
    """The file of a system."""
    return Path(project) / "config" / "systems" / f"{name}.yaml"


def survey_folder(project: Path, name: str) -> Path:
    """Where the tables and the picture of a survey go."""
    return Path(project) / "results" / name / FOLDER


def new_system_path(project: Path, name: str) -> Path:
    """Where a new system file goes.

    Raises:
        InputError: it is there already, or a file cannot have this name.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"--name {name}: names have letters, digits and underscores, and begin with no underscore")
    path = system_path(project, name)
    if path.exists():
        raise InputError(f"{path} exists, and nothing is overwritten; choose another name by --name, or remove it")
    return path


def name_of(topology: Path) -> str:
    """A name for the system of a file."""
    return re.sub(r"\W+", "_", Path(topology).stem, flags=re.ASCII).strip("_").lower() or "protein"


def _write_tables(proposal: Proposal, bound: BoundObservables, table: pd.DataFrame, folder: Path) -> None:
    table.to_csv(folder / "frames.csv", index=False)
    labels = dict(bound.variables.labels)
    labels |= {f"slow_{n}": f"{proposal.states.kind} coordinate {n}" for n in (1, 2)}
    plane = [column for column in bound.variables.columns if not column.startswith("rmsd_")][:2]
    if len(plane) < 2:
        plane = ["slow_1", "slow_2"]
    contacts, compared = _contact_changes(proposal)
    contacts.to_csv(folder / "contacts.csv", index=False)
    write_json(
        folder / "survey.json",
        {
            "system": proposal.name,
            "residues": len(proposal.survey.atoms.residues),
            "frames": proposal.survey.frames,
            "stride": proposal.survey.stride,
            "states": proposal.names,
            "boxes": bound.states.boxes if proposal.regions else {},
            "plane": plane,
            "columns": {
                column: {
                    "label": labels[column],
                    "unit": column.rpartition("_")[2] if column.endswith(("_nm", "_rad")) else "",
                    "periodic": column.endswith("_rad"),
                }
                for column in (*bound.variables.columns, "slow_1", "slow_2")
            },
            "contacts_compared": compared,
        },
    )


def _contact_changes(proposal: Proposal) -> tuple[pd.DataFrame, list[str]]:
    """Contacts that change between the two largest states, or between the halves of the frames; and their names."""
    distances, compared = proposal.states.distances, proposal.names[:2]
    if proposal.states.count == 1:
        backbone = proposal.survey.backbone
        halves = (np.arange(len(backbone)) >= len(backbone) / 2).astype(int)
        distances, compared = Distances.of(backbone, halves), ["first half", "second half"]
    change = distances.contacts[1] - distances.contacts[0]
    shown = np.abs(change) >= 0.1
    first, second = distances.pairs[shown].T
    return pd.DataFrame({"residue_a": first, "residue_b": second, "change": change[shown].round(3)}), compared
