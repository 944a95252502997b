# What every Snakefile of this workflow begins with: the library, the config, and what is known of the run.

import gc
import os
import sys
import time
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

STARTED = time.time()

# Snakemake holds everything that it makes of a plan, so that looking for garbage finds none and takes long with many jobs.
gc.set_threshold(200_000, 50, 1000)

# Every job of every executor reads this file first, so a checkout needs no installation. As a module from elsewhere
# (snakemake fetches the rules, not the library) the installed package is taken.
SOURCE = Path(workflow.snakefile).resolve().parents[2] / "src"
if SOURCE.is_dir():
    sys.path.insert(0, str(SOURCE))
    os.environ.update(
        PYTHONPATH=os.pathsep.join(
            filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])
        )
    )

from mdllm.bases.config import base_names, read_base
from mdllm.config.collections import (
    collection_names,
    made_collection,
    raw_files as raw_files_of_collection,
    read_collection,
    system_sequences,
)
from mdllm.config.plan import Plan
from mdllm.core.errors import InputError
from mdllm.config.choices import implementations
from mdllm.config.studies import study_names
from mdllm.run.code import script_digest
from mdllm.seqdance.config import dance_names, files_of as files_of_dance, read_dance

if "systems" not in config and not Path("config/config.yaml").is_file():
    raise WorkflowError(
        f"there is no config/config.yaml in {Path.cwd()}, where all paths start. Call snakemake in the folder that holds "
        "config/, or name it: snakemake --directory FOLDER --snakefile .../workflow/Snakefile"
    )


configfile: "config/config.yaml"


report: "../report/workflow.rst"


# Only of --sdm apptainer: the image that envs/mdllm.def makes, in the working directory.
container: "mdllm.sif"


try:
    plan = Plan(config, Path("config"))
except InputError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    system="[A-Za-z0-9_]+",
    variant="[A-Za-z0-9_]+",
