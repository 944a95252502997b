"""Proteins of mdCATH and of ATLAS."""

from pathlib import Path

from mdllm.collections.frames import mdcath_runs, trajectory_run
from mdllm.collections.proteins import Protein
from mdllm.collections.settings import AtlasChains, MdcathDomains
from mdllm.sources.atlas import ATLAS, TEMPERATURE_K, AtlasSource, fetch_atlas
from mdllm.sources.mdcath import MDCATH, find_domain


def of_mdcath(source: MdcathDomains, cache: Path, server: str = MDCATH) -> list[Protein]:
    """A protein for each domain; raises InputError where a file is neither there nor to be fetched."""
    paths = {domain: find_domain(source, domain, cache, server) for domain in source.domains}
    return [
        Protein(
            source.prefix + domain,
            "mdcath",
            str(path),
            lambda domain=domain, path=path: mdcath_runs(path, domain, source),
        )
        for domain, path in paths.items()
    ]


def of_atlas(source: AtlasChains, cache: Path, server: str = ATLAS) -> list[Protein]:
    """A protein for each chain; raises InputError where an archive is neither there nor to be fetched."""
    chosen = {"type": "atlas", "frames": source.frames, "replicas": source.replicas}
    files = {name: fetch_atlas(AtlasSource(id=name, **chosen), cache, server) for name in source.ids}
    return [
        Protein(
            source.prefix + name,
            "atlas",
            str(topology),
            lambda topology=topology, trajectories=trajectories: [
                trajectory_run(topology, path, None, label=path.name, temperature_k=TEMPERATURE_K, replica=str(number))
                for number, path in zip(source.replicas, trajectories, strict=True)
            ],
        )
        for name, (topology, trajectories) in files.items()
    ]
