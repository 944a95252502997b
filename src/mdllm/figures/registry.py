"""Every figure: what it is called, which tables it reads, and what draws it. Read without matplotlib.

To add one, write a module with a function that draws it and one `FigureKind` below or, in another package, an entry
point of the group `mdllm.figures` that names a `FigureKind`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from mdllm.config.registry import found_by_name
from mdllm.core.errors import InputError

# Tables by name: the stage that makes each, and its place in the folder of a variant.
TABLES = {
    "cvs": ("analyze", "analysis/cvs.parquet"),
    "references": ("analyze", "analysis/references.csv"),
    "quality": ("analyze", "analysis/quality.csv"),
    "discovery": ("analyze", "analysis/discovery.csv"),
    "description": ("analyze", "analysis/description.json"),
    "new_frames": ("novelty", "novelty/frames.parquet"),
    "new_clusters": ("novelty", "novelty/clusters.csv"),
    "new_sources": ("novelty", "novelty/sources.csv"),
    "new_shares": ("novelty", "novelty/shares.csv"),
    "new_residues": ("novelty", "novelty/residues.csv"),
    "motion_of_residues": ("dynamics", "dynamics/residues.csv"),
    "motion_alike": ("dynamics", "dynamics/agreement.csv"),
    "motion_of_pairs": ("dynamics", "dynamics/matrices.npz"),
    "properties_of_residues": ("properties", "properties/residues.csv"),
    "properties_of_pairs": ("properties", "properties/properties.npz"),
    "page_frames": ("sample", "page/frames.parquet"),
    "page_structures": ("sample", "page/structures.npz"),
    "page_about": ("sample", "page/about.json"),
    "simulations": ("verify", "verification/simulations.csv"),
    "simulated_frames": ("verify", "verification/frames.parquet"),
    "verified": ("verify", "verification/proposals.csv"),
    "rounds": ("verify", "verification/rounds.csv"),
    "fidelity": ("fidelity", "tokens/fidelity.csv"),
    "training_log": ("train", "training_log.csv"),
    "summary": ("summarize", "summary.json"),
    "effects": ("trace", "causal_trace/effects.csv"),
    "distances": ("kinetic_distance", "kinetic_distance/pairs.csv"),
    "distances_agree": ("kinetic_distance", "kinetic_distance/agreement.csv"),
    "populations": ("kinetics", "kinetics/populations.csv"),
    "timescales": ("kinetics", "kinetics/timescales.csv"),
    "mfpt": ("kinetics", "kinetics/mfpt.csv"),
    "transitions": ("kinetics", "kinetics/transitions.csv"),
    "committor": ("kinetics", "kinetics/committor.csv"),
    "chapman_kolmogorov": ("kinetics", "kinetics/chapman_kolmogorov.csv"),
    "kinetics": ("kinetics", "kinetics/description.json"),
}
# Which variants have the results of a stage.
_APPLIES = {
    "train": "training",
    "summarize": "training",
    "fidelity": "structures",
    "analyze": "structures",
    "novelty": "structures",
    "dynamics": "motion",
    "properties": "properties",
    "verify": "verification",
    "trace": "causal_trace",
    "kinetic_distance": "kinetic_distance",
    "kinetics": "kinetics",
}
KINETIC = ("populations", "timescales", "mfpt", "transitions", "committor", "chapman_kolmogorov", "kinetics")


@dataclass(frozen=True)
class FigureKind:
    """One figure.

    Attributes:
        name: of its files.
        draw: "module:function" of (`mdllm.figures.tables.Tables`, path without ending), or, of a figure of a system, of
            (`mdllm.figures.tables.SystemTables`, path without ending).
        needs: names of TABLES that it reads; `summary` is always there.
        caption: path of its caption in the report, relative to workflow/rules or absolute.
        of: one `variant`, or all variants of a `system` that have its tables.
        also: files that are written beside the figure.
    """

    name: str
    draw: str
    needs: tuple[str, ...]
    caption: str
    of: Literal["variant", "system"] = "variant"
    also: tuple[str, ...] = ()

    def __post_init__(self):
        for table in self.needs:
            if table not in TABLES:
                raise InputError(f"figure {self.name}: there is no table '{table}'; choose among {', '.join(TABLES)}")

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """`needs`, and the summary."""
        return tuple(dict.fromkeys([*self.needs, "summary"]))

    @cached_property
    def stages(self) -> frozenset[str]:
        """Stages that must apply to a variant."""
        return frozenset(TABLES[table][0] for table in self.tables)

    @property
    def module(self) -> str:
        """The module that draws it."""
        return self.draw.partition(":")[0]

    def applies(self, runs: Callable[[str], bool]) -> bool:
        """Whether a variant has all tables; `runs` says whether a stage applies to it."""
        return all(map(runs, self.stages))


def _of_kinetics(name: str, function: str = "draw", module: str | None = None, **more) -> FigureKind:
    place = f"mdllm.figures.kinetics.{module or name}:{function}"
    return FigureKind(name, place, KINETIC, "../report/kinetics.rst", of="system", **more)


_OURS = (
    FigureKind("plane", "mdllm.figures.plane:draw", ("cvs", "references", "description"), "../report/plane.rst"),
    FigureKind("time_series", "mdllm.figures.time_series:draw", ("cvs", "description"), "../report/time_series.rst"),
    FigureKind("loss", "mdllm.figures.loss:draw", ("training_log",), "../report/loss.rst"),
    FigureKind("fidelity", "mdllm.figures.fidelity:draw", ("fidelity", "description"), "../report/fidelity.rst"),
    FigureKind("discovery", "mdllm.figures.discovery:draw", ("discovery", "description"), "../report/discovery.rst"),
    FigureKind("quality", "mdllm.figures.quality:draw", ("quality",), "../report/quality.rst"),
    FigureKind(
        "novelty",
        "mdllm.figures.novelty:draw",
        ("cvs", "description", "new_frames", "new_sources", "new_shares", "new_residues"),
        "../report/novelty.rst",
    ),
    FigureKind(
        "dynamics",
        "mdllm.figures.dynamics:draw",
        ("motion_of_residues", "motion_alike", "motion_of_pairs"),
        "../report/dynamics.rst",
    ),
    FigureKind(
        "properties",
        "mdllm.figures.properties:draw",
        ("properties_of_residues", "properties_of_pairs"),
        "../report/properties.rst",
    ),
    FigureKind(
        "verification",
        "mdllm.figures.verification:draw",
        ("simulations", "simulated_frames", "verified", "rounds"),
        "../report/verification.rst",
    ),
    FigureKind("causal_trace", "mdllm.figures.causal_trace:draw", ("effects",), "../report/causal_trace.rst"),
    FigureKind(
        "kinetic_distance",
        "mdllm.figures.kinetic_distance:draw",
        ("distances", "distances_agree"),
        "../report/kinetic_distance.rst",
    ),
    FigureKind(
        "variants",
        "mdllm.figures.variants:draw",
        ("discovery", "quality", "description"),
        "../report/variants.rst",
        of="system",
    ),
    _of_kinetics("free_energy"),
    _of_kinetics("timescales"),
    _of_kinetics("mfpt", also=("mfpt_table.csv", "mfpt_table.md")),
    _of_kinetics("mfpt_lag", "draw_against_lag", "mfpt"),
    _of_kinetics("transitions"),
    _of_kinetics("committor"),
    _of_kinetics("chapman_kolmogorov"),
)


@lru_cache
def figures() -> dict[str, FigureKind]:
    """All figures by name, ours first.

    Raises:
        InputError: an installed package's entry point cannot be loaded, is no `FigureKind` of that name, or takes a
            name that is in use.
    """
    ours = {kind.name: kind for kind in _OURS}
    for name, kind in found_by_name("mdllm.figures", {}).items():
        if not isinstance(kind, FigureKind) or kind.name != name or name in ours:
            raise InputError(f"entry point {name} of mdllm.figures: {kind!r} is no FigureKind of a new name like this")
        ours[name] = kind
    return ours


def groups() -> dict[str, list[FigureKind]]:
    """Figures that one job draws, by the job's name: those that apply to the same variants."""
    found: dict[str, list[FigureKind]] = {}
    for kind in figures().values():
        classes = sorted({_APPLIES[stage] for stage in kind.stages} - {"training"}) or ["training"]
        found.setdefault("_".join(["variants"] * (kind.of == "system") + classes), []).append(kind)
    return found
