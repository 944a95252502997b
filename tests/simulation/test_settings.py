"""What a system file may say about a simulation, and what it may not."""

import pytest

from mdllm.config.reading import validate
from mdllm.config.settings.simulation import SimulationSource
from mdllm.core.errors import InputError

MINIMAL = {
    "type": "simulation",
    "structure": {"pdb": "3DMV"},
    "solvent": {"type": "implicit"},
    "production_ps": 1000,
}


def source(**changes):
    return validate(SimulationSource, {**MINIMAL, **changes}, "system.yaml")


def test_a_minimal_file_is_enough_and_survives_json():
    settings = source()
    assert settings.structure.path == "results/structures/3dmv.pdb"
    assert settings.frames(settings.production_ps) == 100
    assert settings.steps_per_frame == 2500
    assert SimulationSource.model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("structure", [{}, {"pdb": "3DMV", "file": "a.pdb"}])
def test_a_structure_is_an_entry_or_a_file(structure):
    with pytest.raises(InputError, match=r"structure: give either `pdb`.*or `file`"):
        source(structure=structure)


@pytest.mark.parametrize("pdb", ["3DM", "ADMV", "3DMV.pdb"])
def test_no_pdb_id(pdb):
    with pytest.raises(InputError, match=rf"structure\.pdb: .*not '{pdb}'"):
        source(structure={"pdb": pdb})


@pytest.mark.parametrize("mutation", ["L99", "99A", "LEU99ALA", "L99X", "AB:L99A"])
def test_mutations_are_written_in_one_letter_codes(mutation):
    with pytest.raises(InputError, match=rf"structure\.mutations\.0: .*not '{mutation}'"):
        source(structure={"pdb": "3DMV", "mutations": [mutation]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"save_interval_ps": 0.5, "time_step_ps": 0.003}, r"save_interval_ps \(0\.5\).*time_step_ps \(0\.003\)"),
        ({"production_ps": 1005}, r"production_ps \(1005\) .*save_interval_ps \(10\): 1000 or 1010"),
        ({"checkpoint_interval_ps": 5}, r"checkpoint_interval_ps \(5\) .*: 0 or 10"),
        ({"solvent": {"type": "explicit", "npt_ps": 3}}, r"solvent\.npt_ps \(3\)"),
    ],
)
def test_intervals_are_whole_multiples(changes, message):
    with pytest.raises(InputError, match=message):
        source(**changes)


def test_implicit_solvent_has_no_ions():
    with pytest.raises(InputError, match=r"salt_molar: unknown key"):
        source(solvent={"type": "implicit", "salt_molar": 0.1})
