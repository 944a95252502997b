"""The systems of MD-LLM-1: their references lie in the states that they stand for."""

from pathlib import Path

import MDAnalysis as mda
import pytest

from mdllm.config.reading import read_yaml
from mdllm.config.settings.system import Observables, SystemSettings
from mdllm.core.trajectories import backbone_universe
from mdllm.molecules.backbone import BackboneAtoms
from mdllm.observables.bound import bind

ROOT = Path(__file__).resolve().parents[2]
# Entries whose structures lie in tests/data; 1DUJ does not.
FILES = {"3DMV": "3dmv.pdb", "2LCB": "2lcb.pdb", "2LC9": "2lc9.pdb", "1S2H": "1s2h.pdb"}


@pytest.mark.parametrize(
    ("system", "own", "expected"),
    [
        ("t4l_l99a", "3DMV", {"native": ["native"], "excited": ["excited"] * 10}),
        ("t4l_l99a_g113a_r119p", "2LC9", {"native": ["native"], "excited": ["excited"] * 10}),
        ("mad2", "1S2H", {"closed": ["closed"]}),
    ],
)
def test_every_model_of_a_reference_is_in_its_state(structures, system, own, expected):
    settings = SystemSettings.model_validate(read_yaml(ROOT / "config" / "systems" / f"{system}.yaml"))
    raw = mda.Universe(str(structures / FILES[own]))
    universe = backbone_universe(BackboneAtoms.select(raw, "protein", own).residues)
    content = settings.model_dump(include=set(Observables.model_fields))
    content["references"] = {
        key: {**reference, "pdb": None, "file": str(structures / FILES[reference["pdb"]])}
        for key, reference in content["references"].items()
        if reference["pdb"] in FILES
    }
    bound = bind(universe, Observables.model_validate(content))
    found = {
        key: bound.measure(reference.coordinates, range(len(reference.coordinates)))[1].tolist()
        for key, reference in bound.references.items()
    }
    assert found == expected
