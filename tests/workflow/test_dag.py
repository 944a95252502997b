"""What would run, and what a wrong config says, without running anything."""

import subprocess

import pytest
import yaml

import forked
from project import DRAW, FIGURES_ALONE, ROOT, SMALL, STAGES, Project


@pytest.fixture
def demo() -> dict:
    return yaml.safe_load((ROOT / "config" / "systems" / "trp_cage.yaml").read_text())


def test_a_dry_run_lists_every_stage_and_needs_nothing_fetched(tmp_path):
    project = Project(tmp_path / "p", tmp_path / "empty_cache", SMALL)
    assert project.would_run() == STAGES | DRAW


def test_a_dry_run_imports_nothing_that_a_plan_does_not_need(tmp_path):
    project = Project(tmp_path / "p", tmp_path / "empty_cache", SMALL)
    environment = {**project.environment(), "PYTHONPROFILEIMPORTTIME": "1"}
    result = subprocess.run(
        project.command("--dry-run"), cwd=project.folder, env=environment, capture_output=True, text=True
    )
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if line.startswith("import time:")}
    assert "mdllm.config.plan" in imported
    assert not imported & {"torch", "sklearn", "scipy", "MDAnalysis", "matplotlib"}


def test_only_selects_systems(tmp_path, demo):
    project = Project(tmp_path / "p", tmp_path, SMALL, {"one": demo, "two": demo, "three": demo})
    assert "results/three" in project.run("--dry-run")
    out = project.run("--dry-run", "--config", "only=two,one")
    assert "results/two" in out
    assert "results/one" in out
    assert "results/three" not in out


def test_a_variant_of_the_rollout_trains_no_model_of_its_own(tmp_path, demo):
    demo["variants"] = {"hot": {"rollout": {"temperature": 1.5}}}
    out = Project(tmp_path / "p", tmp_path, SMALL, {"x": demo}).run("--dry-run")
    assert "results/x/hot/rollout/codes.npz" in out
    assert "results/x/hot/model" not in out
    assert "results/x/hot/tokens" not in out


def test_collections_bases_and_models_of_dynamics_of_this_repository_are_planned(tmp_path):
    project = Project(tmp_path / "p", tmp_path / "cache", SMALL)
    for folder in ("collections", "bases", "dances"):
        (project.folder / "config" / folder).symlink_to(ROOT / "config" / folder)
    out = project.run("--dry-run", "collect_small", "base_medium", "dance_cpu")
    for made in ("collections/benchmarks/shards", "collections/small/shards", "bases/medium/base.safetensors"):
        assert f"results/{made}" in out
    assert "results/dances/cpu/dance.json" in out


def test_figures_alone_asks_for_tables_and_runs_nothing_else(tmp_path):
    out = Project(tmp_path / "p", tmp_path, SMALL).run("--dry-run", *FIGURES_ALONE, ok=False)
    assert "Missing input files for rule draw_" in out
    assert "analysis/discovery.csv" in out


def test_an_unknown_key_stops_before_any_job(tmp_path, demo):
    demo["collective_variables"]["psi11"]["residu"] = 11
    out = Project(tmp_path / "p", tmp_path, SMALL, {"x": demo}).run(ok=False)
    assert "config/systems/x.yaml" in out
    assert "collective_variables.psi11.residu: unknown key; did you mean 'residue'?" in out
    assert "Traceback" not in out
    assert not (tmp_path / "p" / "results").exists()


def test_user_files_that_are_not_there_are_named(tmp_path, demo):
    demo["source"] = {"type": "files", "topology": "my/protein.pdb", "trajectories": ["my/run*.xtc"]}
    out = Project(tmp_path / "p", tmp_path, SMALL, {"x": demo}).run("--dry-run", ok=False)
    assert "config/systems/x.yaml: source.topology: my/protein.pdb does not exist" in out


def test_a_call_from_another_folder_works_with_directory_and_says_so_without(tmp_path):
    project = Project(tmp_path / "p", tmp_path / "cache", SMALL)
    (tmp_path / "elsewhere").mkdir()

    def called(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [forked.python(), *project.command("--dry-run", "--quiet", "rules")[1:], *arguments],
            **{"cwd": tmp_path / "elsewhere", "env": project.environment(), "text": True},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    away = called()
    assert away.returncode == 1
    assert f"there is no config/config.yaml in {tmp_path / 'elsewhere'}, where all paths start" in away.stdout
    assert "--directory FOLDER" in away.stdout
    assert called("--directory", str(project.folder)).returncode == 0
