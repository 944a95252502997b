"""What a page shows, in order: to add a section, write a function that makes its blocks and one line below.

A section of a variant gets `mdllm.page.tables.PageTables`, one of a system `SystemTables`; both read a table
when asked.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mdllm.figures.registry import KINETIC, TABLES
from mdllm.page.blocks import Block


@dataclass(frozen=True)
class PageSection:
    """One section.

    Attributes:
        name: its anchor.
        title: its heading.
        build: "module:function" of (`PageTables` or `SystemTables`) to blocks; none: the section is left out.
        needs: names of `mdllm.figures.registry.TABLES`; it is shown where a variant has all of them.
        of: one `variant`, or all variants of a `system`.
    """

    name: str
    title: str
    build: str
    needs: tuple[str, ...] = ("summary",)
    of: Literal["variant", "system"] = "variant"

    @property
    def module(self) -> str:
        """The module that makes its blocks."""
        return self.build.partition(":")[0]

    def applies(self, runs: Callable[[str], bool]) -> bool:
        """Whether a variant has all tables; `runs` says whether a stage applies to it."""
        return all(runs(TABLES[name][0]) for name in self.needs)

    def blocks(self, tables) -> list[Block]:
        return pkgutil.resolve_name(self.build)(tables)


_NEW = ("description", "new_clusters", "new_frames", "new_residues", "new_shares", "new_sources", "page_frames")
_VERIFIED = ("simulations", "simulated_frames", "verified")
SECTIONS = (
    PageSection("variants", "All variants", "mdllm.page.sections.variants:build", of="system"),
    PageSection("kinetics", "Kinetics", "mdllm.page.sections.kinetics:build", ("summary", *KINETIC), of="system"),
    PageSection(
        "explorer",
        "Frame by frame",
        "mdllm.page.sections.explorer:build",
        ("summary", "description", "page_frames", "page_structures", "page_about", "new_residues", "new_clusters"),
    ),
    PageSection("novelty", "What is new", "mdllm.page.sections.novelty:build", ("summary", *_NEW)),
    PageSection(
        "verification", "What MD says of it", "mdllm.page.sections.verification:build", ("summary", *_VERIFIED)
    ),
    PageSection(
        "discovery",
        "Named states, beside the nulls",
        "mdllm.page.sections.discovery:build",
        ("summary", "discovery", "description"),
    ),
    PageSection(
        "dynamics",
        "How it moves",
        "mdllm.page.sections.dynamics:build",
        ("summary", "motion_of_residues", "motion_alike"),
    ),
    PageSection(
        "properties",
        "Properties of the MD",
        "mdllm.page.sections.properties:build",
        ("summary", "properties_of_residues"),
    ),
    PageSection("quality", "Quality of the structures", "mdllm.page.sections.quality:build", ("summary", "quality")),
    PageSection("training", "Training", "mdllm.page.sections.training:build", ("summary", "training_log")),
    PageSection("methods", "Methods and provenance", "mdllm.page.sections.methods:build"),
    PageSection("downloads", "Downloads", "mdllm.page.sections.downloads:build"),
)
