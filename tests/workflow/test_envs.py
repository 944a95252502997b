"""The conda environments: pins that agree with those of pip, and every package that a rule's script imports.

They are not solved here: that needs the channels of conda.
"""

import ast
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mdllm.config.choices import COLLECTION_SOURCES, DISCRETIZERS, MODELS, SOURCES, TOKENIZERS, VARIABLES
from project import ROOT

SOURCE = ROOT / "src"
ENVS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
CONDA_NAMES = {"pytorch": "torch", "pytorch_geometric": "torch-geometric"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(env: str) -> dict[str, str]:
    """{distribution: version} of an environment; the version is "" where it is open."""
    content = yaml.safe_load((ROOT / "envs" / f"{env}.yaml").read_text())
    found = {}
    for dependency in content["dependencies"]:
        name, _, version = dependency.partition(" ")
        found[normal(CONDA_NAMES.get(name, name))] = version
    return found


# What a script loads by the name that a config file gives.
LOADED_BY = {
    "acquire": [SOURCES],
    "preflight": [SOURCES],
    "collect": [COLLECTION_SOURCES],
    "prepare": [VARIABLES],
    "tokenize": [TOKENIZERS, DISCRETIZERS],
    "fidelity": [TOKENIZERS, VARIABLES],
    "decode": [TOKENIZERS],
    "analyze": [VARIABLES],
    "novelty": [TOKENIZERS],
    "discretize_rollout": [DISCRETIZERS],
    "exact": [DISCRETIZERS],
    "train": [MODELS],
    "rollout": [MODELS],
    "rollout_part": [MODELS],
    "causal_trace": [MODELS],
    "kinetic_distance": [MODELS],
}


@cache
def named_in(path: Path) -> set[str]:
    """Modules that a file imports, and those of mdllm that it names in a string, as registries do."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"mdllm(\.\w+)+", str(node.value)):
            names.add(node.value)
    return names


def imported(script: str, foldtoken4: bool = False) -> set[str]:
    """Top-level names of all modules that a rule's script may import, itself or through mdllm.

    What FoldToken4 alone needs counts only if asked for.
    """
    found, new = set(), {ROOT / "workflow" / "scripts" / f"{script}.py"}
    for registry in LOADED_BY.get(script, ()):
        for choice in registry.classes.values():
            module = getattr(choice, "implementation", "").partition(":")[0]
            if foldtoken4 or "foldtoken4" not in module:
                new.add(SOURCE / (module.replace(".", "/") + ".py"))
    files = new = {file for file in new if file.is_file()}
    while new:
        names = {name for file in new for name in named_in(file) if foldtoken4 or "foldtoken4" not in name}
        found |= {name.split(".")[0] for name in names}
        new = {file for name in names if (file := SOURCE / (name.replace(".", "/") + ".py")).is_file()} - files
        files |= new
    return found


@cache
def required_by(distribution: str) -> set[str]:
    """What a distribution needs, in this environment's version; nothing of one that is not here."""
    try:
        listed = map(Requirement, requires(distribution) or [])
    except PackageNotFoundError:
        return set()
    return {normal(r.name) for r in listed if r.marker is None or r.marker.evaluate({"extra": ""})}


def with_dependencies(distributions: set[str]) -> set[str]:
    """The distributions and all that they require, in this environment's versions."""
    found, new = set(), {normal(name) for name in distributions}
    while new:
        found |= new
        below = set()
        for name in new:
            below |= required_by(name)
        new = below - found
    return found


def rules() -> list:
    """(script, environment) of every rule; those of the tokenizer's choice once for each."""
    found = []
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^ *rule\b", file.read_text(), flags=re.M)[1:]:
            script = re.search(r"scripts/(\w+)\.py", block)
            envs = re.findall(r"envs/(\w+)\.yaml", block)
            if "env_of_tokenizer" in block:
                envs = ["analysis", "foldtoken4"]
            found += [pytest.param(script[1], env, id=f"{block.split(':')[0]}-{env}") for env in envs if script]
    return found


@pytest.fixture(scope="module")
def provided_by() -> dict[str, list[str]]:
    """Distributions of this environment by the names of their packages."""
    return packages_distributions()


@pytest.mark.parametrize(("script", "env"), rules())
def test_an_environment_holds_what_its_scripts_import(provided_by, script, env):
    modules = imported(script, env == "foldtoken4") - {"mdllm"}
    needed = {normal(name) for module in modules for name in provided_by.get(module, [])}
    assert needed <= with_dependencies(set(pins(env)))


def test_every_rule_has_an_environment():
    assert len(rules()) >= 20
    assert {param.values[1] for param in rules()} == set(ENVS)
    assert {"torch", "transformers", "peft", "numpy"} <= imported("train")


@pytest.mark.parametrize("env", ENVS)
def test_versions_are_those_of_pip(env):
    pip = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    pip = {normal(name): version for name, version in pip.items()}
    compared = {name: version for name, version in pins(env).items() if name in pip and version}
    assert len(compared) >= 8
    for name, version in compared.items():
        assert f"={pip[name]}".startswith(version), f"{name} {version} in envs/{env}.yaml, {pip[name]} in requirements"


@pytest.mark.parametrize("env", ["analysis", "llm", "structures"])
def test_every_version_is_pinned(env):
    assert [name for name, version in pins(env).items() if not version] == []
