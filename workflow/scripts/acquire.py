"""Acquire: list the raw files of a system, with checksums."""

from pydantic import TypeAdapter

from mdllm.config.settings.system import Source
from mdllm.core.records import write_json
from mdllm.run.stage import stage
from mdllm.sources.acquire import acquire
from mdllm.sources.cache import cache_folder

settings = {"source": snakemake.params.source}
with stage("acquire", output=snakemake.output.provenance, log=snakemake.log[0], settings=settings, inputs={}):
    source = TypeAdapter(Source).validate_python(snakemake.params.source)
    write_json(snakemake.output.sources, acquire(source, cache_folder()))
