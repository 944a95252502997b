"""Build: one HTML file of a system, with all that it needs inside, and the index of all systems."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from mdllm.core.errors import InputError
from mdllm.core.records import read_json, replacing
from mdllm.figures.tables import SystemTables
from mdllm.page.blocks import Block, Chart, Part
from mdllm.page.charts import DARK
from mdllm.page.registry import SECTIONS, PageSection
from mdllm.page.tables import PageTables
from mdllm.report.answer import sentence

MOST_BYTES = 15_000_000
_OF_A_BASE = (
    "A base learns nothing from this system. What this page calls training frames are the MD frames that it was given "
    "to redraw."
)
_LEADING = "explorer"
_HERE = Path(__file__).parent
_LIBRARIES = ("vega-6.4.0.min.js", "vega-lite-6.4.3.min.js", "vega-embed-7.3.0.min.js")
_VIEWER = "3Dmol-2.5.5.min.js"  # run when the first structure is shown


@dataclass(frozen=True)
class Shown:
    """A section with its blocks; charts and parts have ids.

    Attributes:
        leads: whether it stands before the sections of all variants.
    """

    anchor: str
    title: str
    leads: bool
    blocks: list[tuple[str, Block]]


def build(system: str, variants: Mapping[str, PageTables], applies: Mapping[str, list[str]], output: Path) -> dict:
    """Write the page of a system.

    Args:
        variants: tables of each variant, in the order of the system file.
        applies: names of the variants that have the tables of each section, by its name.

    Returns:
        Bytes of the page.

    Raises:
        InputError: the page would be larger than `MOST_BYTES`.
    """
    together = _sections("system", variants, applies)
    own = {name: _sections("variant", {name: tables}, applies) for name, tables in variants.items()}
    summaries = {name: tables.summary for name, tables in variants.items()}
    page = (
        _environment()
        .get_template("page.html")
        .render(
            system=system,
            about=next(iter(summaries.values()))["about"],
            variants=list(variants),
            answers={name: sentence(summary) for name, summary in summaries.items()},
            conditions={name: tables.conditions for name, tables in variants.items()},
            notes={name: _OF_A_BASE for name, summary in summaries.items() if summary["base"]},
            together=together,
            first={name: [shown for shown in sections if shown.leads] for name, sections in own.items()},
            rest={name: [shown for shown in sections if not shown.leads] for name, sections in own.items()},
            data={"system": _data(together), **{f"of-{name}": _data(sections) for name, sections in own.items()}},
            attached=_attached([*together, *(shown for sections in own.values() for shown in sections)]),
            dark=DARK,
            libraries=[_library(name) for name in _LIBRARIES],
            viewer=_library(_VIEWER),
            script=_text("page.js") + _text("explorer.js") + _text("structures.js"),
            style=_text("page.css"),
        )
    )
    size = len(page.encode())
    if size > MOST_BYTES:
        raise InputError(
            f"the page of {system} would have {size / 1e6:.1f} MB, and a page has at most {MOST_BYTES / 1e6:g}: it has "
            f"{len(variants)} variants; give some of them a system file of their own"
        )
    _write(output, page)
    return {"bytes": size}


def build_index(results: Path, output: Path) -> dict:
    """Write the index of all systems below `results` that have a page."""
    systems = []
    for page in sorted(results.glob("*/report.html")):
        summaries = [read_json(path) for path in sorted(page.parent.glob("*/summary.json"))]
        summaries.sort(key=lambda summary: summary["variant"] != "main")
        variants = [(summary["variant"], sentence(summary)) for summary in summaries]
        systems.append((page.parent.name, summaries[0]["about"], variants))
    page = _environment().get_template("index.html").render(systems=systems, style=_text("page.css"))
    _write(output, page)
    return {"systems": [name for name, *_ in systems]}


def _sections(of: str, variants: Mapping[str, PageTables], applies: Mapping[str, list[str]]) -> list[Shown]:
    """Sections of a variant, or of the variants of a system that have their tables; empty ones are left out."""
    shown = []
    for section in (section for section in SECTIONS if section.of == of):
        have = {name: tables for name, tables in variants.items() if name in applies[section.name]}
        if have and (blocks := section.blocks(SystemTables(have) if of == "system" else next(iter(have.values())))):
            anchor = _anchor(section, have)
            shown.append(
                Shown(
                    anchor,
                    section.title,
                    section.name == _LEADING,
                    [(f"{anchor}-{n}", block) for n, block in enumerate(blocks)],
                )
            )
    return shown


def _anchor(section: PageSection, variants: Mapping[str, PageTables]) -> str:
    return section.name if section.of == "system" else f"{next(iter(variants))}-{section.name}"


def _data(sections: list[Shown]) -> dict[str, Any]:
    """What the script reads: charts and data of parts, by id."""
    data: dict[str, Any] = {"charts": {}, "parts": {}}
    for name, block in (pair for section in sections for pair in section.blocks):
        if isinstance(block, Chart):
            data["charts"][name] = {**block.spec, "description": block.description}
        elif isinstance(block, Part):
            data["parts"][name] = {"template": block.template, **block.data}
    return data


def _attached(sections: list[Shown]) -> dict[str, tuple[str, ...]]:
    """Texts of parts, by id."""
    pairs = (pair for section in sections for pair in section.blocks)
    return {name: block.attached for name, block in pairs if isinstance(block, Part) and block.attached}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["script_json"] = _script_json
    return environment


def _script_json(value: Any) -> str:
    """JSON that no browser takes for the end of the script in which it stands."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _text(name: str) -> str:
    return (_HERE / "templates" / name).read_text()


def _library(name: str) -> str:
    """A library as it stands, without the address of a map that is not in the page."""
    lines = (_HERE / "vendor" / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL"))
    return text.replace("</script", "<\\/script")


def _write(path: Path, page: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(page)
