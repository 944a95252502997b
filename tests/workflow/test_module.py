"""The workflow as part of another one, and from each of its Snakefiles."""

import shutil
import sys

import pytest

from project import DRAW, ROOT, SMALL, STAGES, Project

OUTER = """
configfile: "config/config.yaml"

module mdllm:
    snakefile: "{snakefile}"
    config: config["mdllm"]

use rule * from mdllm as mdllm_*

rule count:
    default_target: True
    input: {target}
    output: "count.txt"
    shell: "wc -l {{input}} > {{output}}"
"""


class Outer(Project):
    """A workflow that uses this one, without presets and without a copy of anything but a system file."""

    def __init__(self, folder, cache, target: str, snakefile="workflow/Snakefile"):
        super().__init__(folder, cache, {})
        shutil.rmtree(folder / "config" / "presets")
        self.write("config/config.yaml", {"mdllm": {"systems": ["trp_cage"], "overrides": SMALL}, "own": 1})
        (folder / "Snakefile").write_text(OUTER.format(snakefile=ROOT / snakefile, target=target))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


@pytest.mark.parametrize("snakefile", ["workflow/Snakefile", "Snakefile"])
def test_another_workflow_takes_every_rule(tmp_path, cache, snakefile):
    outer = Outer(tmp_path / "outer", cache, "rules.mdllm_all.input", snakefile)
    assert outer.would_run() == {"count", *(f"mdllm_{stage}" for stage in STAGES | DRAW)}


def test_another_workflow_runs_a_stage_of_this_one(tmp_path, cache, trp_cage_files):
    outer = Outer(tmp_path / "outer", cache, '"results/trp_cage/raw/sources.json"')
    outer.run()
    assert "results/trp_cage/raw/sources.json" in (outer.folder / "count.txt").read_text()
    assert outer.would_run() == set()


def test_both_snakefiles_are_the_same_workflow(tmp_path, cache):
    """What the one at the top plans is in `test_dag`."""
    project = Project(tmp_path / "p", cache, SMALL)
    assert project.would_run("--snakefile", str(ROOT / "workflow" / "Snakefile")) == STAGES | DRAW
