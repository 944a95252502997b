"""What a change of code runs again, and what it does not."""

import copy
import os
import shutil
import subprocess

import pytest

import forked
from project import AFTER_ROLLOUT, SUMMED_UP, copy_of_checkout, kill_when

MAIN = "results/trp_cage/main"


def edit(project, module: str) -> None:
    """A change of code that changes no result."""
    file = project.root / "src" / "mdllm" / f"{module}.py"
    file.write_text(file.read_text() + "\n\nADDED = 1\n")


def stale(project) -> list[str]:
    """The targets that `mdllm stale` of the project's checkout lists."""
    environment = os.environ | {"PYTHONPATH": str(project.root / "src")}
    command = [forked.python(), "-m", "mdllm", "stale"]
    out = subprocess.run(
        command, cwd=project.folder, env=environment, check=True, capture_output=True, text=True
    ).stdout
    return [line.split(" --forcerun ")[1] for line in out.splitlines() if " --forcerun " in line]


def test_neither_a_new_place_of_the_code_nor_of_the_cache_runs_anything(elsewhere, tmp_path):
    assert elsewhere.would_run() == set()
    assert stale(elsewhere) == []
    elsewhere.cache = tmp_path / "other_cache"
    assert elsewhere.would_run() == set()


@pytest.mark.parametrize(
    ("module", "runs", "is_stale"),
    [
        ("figures/plane", {"draw_structures"}, set()),
        ("analysis/discovery/table", {"analyze", "novelty", *SUMMED_UP}, set()),
        ("models/rollout/sampling", set(), {f"{MAIN}/rollout/provenance.json"}),
        ("models/training/objective", set(), {f"{MAIN}/model"}),
        ("ensembles/decode", {*AFTER_ROLLOUT}, set()),
        ("tokenizers/tokenize", set(), {f"{MAIN}/tokens/provenance.json"}),
    ],
)
def test_changed_code_runs_what_is_cheap_and_lists_what_is_not(elsewhere, module, runs, is_stale):
    edit(elsewhere, module)
    assert elsewhere.would_run() == runs
    assert {target for target in stale(elsewhere) if "/main/" in target} == is_stale


def test_the_command_that_renews_a_result_does(elsewhere):
    edit(elsewhere, "models/training/objective")
    targets = stale(elsewhere)
    later = {"train", "rollout", *AFTER_ROLLOUT}
    assert elsewhere.would_run("--forcerun", *targets) == later
    edit(elsewhere, "models/rollout/sampling")
    (target,) = [target for target in stale(elsewhere) if target.startswith(f"{MAIN}/rollout")]
    assert elsewhere.would_run("--forcerun", target) == later - {"train"}


def test_a_killed_rollout_never_goes_on_with_other_code(finished, tmp_path):
    project = copy.copy(finished)
    project.folder = tmp_path / "killed"
    shutil.copytree(finished.folder, project.folder, symlinks=True)
    project.root = copy_of_checkout(tmp_path / "checkout")
    shutil.rmtree(project.folder / MAIN / "rollout")
    work, target = project.folder / MAIN / ".work", f"{MAIN}/rollout/codes.npz"

    def checkpoints() -> dict[str, int]:
        return {folder.name: len(list(folder.glob("batch-*/frames-*.npz"))) for folder in work.glob("rollout-*")}

    kill_when(project, target, lambda: any(checkpoints().values()))
    (first,) = checkpoints()
    edit(project, "models/rollout/sampling")
    kill_when(project, target, lambda: len([count for count in checkpoints().values() if count]) == 2)
    second = checkpoints().keys() - {first}
    assert len(second) == 1
    project.run(target)
    assert checkpoints() == {}
