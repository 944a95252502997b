"""Page: what was found in a system, in one HTML file, from tables and sampled structures alone."""

from pathlib import Path

from mdllm.page.build import build
from mdllm.page.registry import SECTIONS
from mdllm.page.tables import PageTables
from mdllm.run.stage import stage

given = snakemake.params


def record_at(path) -> Path:
    """A record, or the one in a folder."""
    return Path(path) / "provenance.json" if Path(path).is_dir() else Path(path)


inputs = {str(path): record_at(path) for path in snakemake.input}
loads = [section.module for section in SECTIONS]
record, log = snakemake.output.provenance, snakemake.log[0]
with stage("page", output=record, log=log, settings={"applies": given.applies}, inputs=inputs, loads=loads) as running:
    variants = {
        name: PageTables(
            given.tables[name],
            {stage: record_at(path) for stage, path in given.records[name].items()},
            f"results/{snakemake.wildcards.system}/{name}",
        )
        for name in given.tables
    }
    running.note(**build(snakemake.wildcards.system, variants, given.applies, Path(snakemake.output.page)))
