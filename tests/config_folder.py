"""A config folder with one system, for tests of what may stand in it."""

import yaml

from mdllm.config.plan import Plan


def system() -> dict:
    return {
        "description": "test",
        "source": {"type": "files", "topology": "a.pdb", "trajectories": ["a.xtc"]},
        "collective_variables": {
            "d": {"type": "distance", "a": "resid 1", "b": "resid 2"},
            "psi2": {"type": "psi", "residue": 2},
        },
        "states": {"A": {"d": [0, 1]}, "B": {"d": [1, 2]}},
        "training_set": {"state": "A"},
        "plane": ["d", "psi2"],
    }


def kinetic_system(**variants):
    variables = {"type": "coordinate", "axis": "x"}
    stages = {"tokenizer": {"name": "bins", "variable": "x", "bins": 4, "low": -4, "high": 4}}
    states = {"left": {"x": [-9, 0]}, "right": {"x": [0, 9]}}
    about = {"main": False, "description": "a potential", "source": {"type": "potential", "name": "four_state"}}
    return {**about, "collective_variables": {"x": variables}, "states": states, "stages": stages, "variants": variants}


def write(folder, content, name="x"):
    (folder / "systems" / f"{name}.yaml").write_text(yaml.safe_dump(content))


def plan(folder, **run):
    return Plan({"systems": ["x"], **run}, folder)
