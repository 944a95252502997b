"""Draw figures by name, from tables alone."""

import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mdllm.figures.registry import figures
from mdllm.figures.tables import SystemTables, Tables


def draw(names: Iterable[str], variants: Mapping[str, Mapping[str, Path]], folder: Path) -> None:
    """Write each figure into `folder` as PDF, PNG and CSV.

    Args:
        names: of figures that need the same tables.
        variants: paths of the tables by their name, by variant; one variant for a figure of a variant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {variant: Tables(paths) for variant, paths in variants.items()}
    of = {"variant": next(iter(tables.values())), "system": SystemTables(tables)}
    for name in names:
        kind = figures()[name]
        pkgutil.resolve_name(kind.draw)(of[kind.of], folder / name)
