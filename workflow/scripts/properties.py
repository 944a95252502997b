"""Properties: SeqDance's residue and pair properties of MD with all atoms."""

from pathlib import Path

from mdllm.analysis.dynamics.all_atoms import PropertyInputs, properties_of_md
from mdllm.config.settings.stages import sections
from mdllm.run.stage import stage

files = {name: Path(snakemake.input[name]) for name in ("sources", "topology", "frames")}
settings = {**snakemake.params.settings, "selection": snakemake.params.selection}
with stage(
    "properties", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs=files
) as running:
    notes = properties_of_md(
        PropertyInputs(**files),
        selection=snakemake.params.selection,
        settings=sections(snakemake.params.settings).properties,
        output=Path(snakemake.output.arrays).parent,
    )
    running.note(**notes)
