"""Fetch structure: one entry of the Protein Data Bank, from the cache or from RCSB."""

from pathlib import Path

from mdllm.core.records import sha256
from mdllm.run.stage import stage
from mdllm.sources.cache import cache_folder
from mdllm.sources.structures import fetch_structure, write_as_pdb

settings = {"pdb": snakemake.wildcards.pdb_id}
with stage(
    "fetch_structure", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs={}
) as running:
    found = fetch_structure(snakemake.wildcards.pdb_id, cache_folder())
    write_as_pdb(found, Path(snakemake.output.structure))
    running.note(file=found.name, sha256=sha256(found))
