"""What a study can measure of a run: ours, and what installed packages add by the entry point group `mdllm.measures`.

A measure reads one file that a stage has written for the run. To add one, write a function from the path of that file
to values by source, and a `Measure` below or, in another package, one that an entry point names.
"""

import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mdllm.config.registry import found_by_name
from mdllm.core.errors import InputError


@dataclass(frozen=True)
class Measure:
    """One number of a run, or one for each of several sources.

    Attributes:
        stage: that writes the file.
        file: its place in the folder of the variant; a file, or the folder `model`.
        function: "module:function" of the path of the file to values by source, as `model` and its nulls; a source
            whose value does not exist is missing.
        label: for axes, with the unit.
        of_stage: whose results the file tells; None: those of `stage`.
    """

    stage: str
    file: str
    function: str
    label: str
    of_stage: str | None = None

    @property
    def depends_on(self) -> str:
        """The stage that the values depend on, with those before it."""
        return self.of_stage or self.stage

    def of(self, path: Path) -> dict[str, float]:
        """The values of a run by source."""
        return pkgutil.resolve_name(self.function)(path)


def _measure(name: str, stage: str, file: str, label: str, **more) -> tuple[str, Measure]:
    return name, Measure(stage, file, f"mdllm.report.study.measures:{name}", label, **more)


_OURS = dict(
    (
        _measure("reconstruction", "fidelity", "tokens/fidelity.json", "backbone RMSD after encode→decode (nm)"),
        _measure("states_kept", "fidelity", "tokens/fidelity.json", "frames still in their state"),
        _measure("validation_loss", "train", "model", "validation loss (nats per code)"),
        _measure("found", "analyze", "analysis/discovery.csv", "frames in states not trained on"),
        _measure("visited", "analyze", "analysis/discovery.csv", "frames in each state"),
        _measure(
            "distance_to_true", "analyze", "analysis/discovery.csv", "RMSD to MD of the states not trained on (nm)"
        ),
        _measure("valid", "analyze", "analysis/quality_frames.parquet", "frames with a valid structure"),
        _measure("new", "novelty", "novelty/sources.csv", "frames beyond held-out MD"),
        _measure("kept_by_md", "verify", "verification/proposals.csv", "new clusters that MD keeps"),
        _measure("in_new_states", "verify", "verification/proposals.csv", "new clusters that end in a new state"),
        _measure("population", "kinetics", "kinetics/populations.csv", "population of each state"),
        _measure("passage_time", "kinetics", "kinetics/mfpt.csv", "mean first passage time (ps)"),
        _measure("slowest_timescale", "kinetics", "kinetics/timescales.csv", "slowest timescale, longest lag (ps)"),
        _measure(
            "distance",
            "summarize",
            "summary.json",
            "distance from MD (combined standard errors)",
            of_stage="kinetics",
        ),
    )
)


@lru_cache
def measures() -> dict[str, Measure]:
    """All measures by name, ours first.

    Raises:
        InputError: an installed package's entry point cannot be loaded, is no `Measure`, or takes a name in use.
    """
    found = dict(_OURS)
    for name, measure in found_by_name("mdllm.measures", {}).items():
        if not isinstance(measure, Measure) or name in found:
            raise InputError(f"entry point {name} of mdllm.measures: {measure!r} is no Measure of a new name")
        found[name] = measure
    return found
