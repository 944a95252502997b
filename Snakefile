"""mdllm: a table of contents. The science is in src/mdllm, the choices are in config/, the resources in profiles/."""

import os
import sys
from pathlib import Path

# Every job of every executor reads this file first, so the library needs no installation.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [sys.path[0], os.environ.get("PYTHONPATH")])
    )
)

from snakemake.exceptions import WorkflowError

from mdllm.config.plan import Plan
from mdllm.core.errors import InputError


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Only of --sdm apptainer: the image that envs/mdllm.def makes, in the working directory.
container: "mdllm.sif"


try:
    plan = Plan(config, Path("config"))
except InputError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    system="[A-Za-z0-9_]+",
    variant="[A-Za-z0-9_]+",


include: "workflow/rules/common.smk"


# `snakemake figures` redraws from the tables that are there: without the other rules nothing before them can run.
# (The targets are known to Snakemake only after this file is read, hence the look at the command line.)
if "figures" not in sys.argv or "all" in sys.argv:

    include: "workflow/rules/preflight.smk"
    include: "workflow/rules/simulate.smk"
    include: "workflow/rules/acquire.smk"
    include: "workflow/rules/prepare.smk"
    include: "workflow/rules/tokenize.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/rollout.smk"
    include: "workflow/rules/decode.smk"
    include: "workflow/rules/analyze.smk"
    include: "workflow/rules/kinetics.smk"


include: "workflow/rules/figures.smk"
include: "workflow/rules/check_cluster.smk"
include: "workflow/rules/estimate.smk"


rule all:
    default_target: True
    input:
        figure_files(),
        [f"results/{system}/{variant}/summary.json" for system, variant in plan.runs()],


rule figures:
    input:
        figure_files(),
