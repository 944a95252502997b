"""Results that other code has made than the present one, of stages that no change of code runs again by itself."""

from dataclasses import dataclass
from pathlib import Path

from mdllm.core.records import read_json
from mdllm.run.code import code_digest

# What the next run makes again where its code has changed: the stages from which nothing is trained or generated.
RENEWED_BY_A_RUN = (
    "fidelity",
    "exact",
    "md_kinetics",
    "decode",
    "analyze",
    "novelty",
    "dynamics",
    "properties",
    "predict",
    "discretize_rollout",
    "kinetics",
    "causal_trace",
    "kinetic_distance",
    "summarize",
    "draw",
    "sample",
    "page",
    "index",
    "study",
)


@dataclass(frozen=True)
class StaleResult:
    """A result of other code.

    Attributes:
        target: the output that Snakemake is to make again.
        made: date, and commit where it is known.
    """

    stage: str
    target: Path
    made: str


def stale_results(results: Path) -> list[StaleResult]:
    """All results of expensive stages below `results` whose provenance names other code, or none."""
    found = []
    for path in sorted(results.rglob("*provenance.json")):
        record = read_json(path)
        stage = record["stage"]
        if stage not in RENEWED_BY_A_RUN and not _is_present(record):
            target = path.parent if stage == "train" else path  # its record lies in the folder that it makes
            commit = (record["git_commit"] or "")[:7]
            found.append(StaleResult(stage, target, f"{record['started'][:10]} {commit}".strip()))
    return found


def _is_present(record: dict) -> bool:
    """Whether the stage would run the same code today; not where none was recorded, or a module of then is no more."""
    try:
        return "code" in record and record["code"] == code_digest(*record["code_of"])
    except ModuleNotFoundError:
        return False


def table(found: list[StaleResult]) -> str:
    """One line for each result, with the command that renews it and everything after it."""
    if not found:
        return "no expensive result was made by other code"
    width = max(len(result.stage) for result in found)
    lines = [f"{result.stage.ljust(width)}  {result.made}  snakemake --forcerun {result.target}" for result in found]
    return "\n".join(["Made by other code; to renew one, add the profile of your runs to its command:", *lines])
