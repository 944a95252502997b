"""Proteins of mdCATH and of ATLAS."""

from pathlib import Path

from mdllm.collections.frames import mdcath_runs, trajectory_run
from mdllm.collections.proteins import Protein
from mdllm.collections.settings import AtlasChains, MdcathDomains
from mdllm.sources.atlas import ATLAS, TEMPERATURE_K, AtlasSource, atlas_url, fetch_atlas
from mdllm.sources.checksums import recorded
from mdllm.sources.download import cached_path
from mdllm.sources.mdcath import MDCATH, find_domain


def of_mdcath(source: MdcathDomains, cache: Path, server: str = MDCATH) -> list[Protein]:
    """A protein for each domain; raises InputError where a file is neither there nor to be fetched."""
    paths = {domain: find_domain(source, domain, cache, server) for domain in source.domains}
    return [
        Protein(
            source.prefix + domain,
            f"mdcath {domain}",
            str(path),
            lambda domain=domain, path=path: mdcath_runs(path, domain, source),
            recorded(path) if source.folder is None else None,
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
            f"atlas {name}",
            str(topology),
            lambda topology=topology, trajectories=trajectories: [
                trajectory_run(topology, path, None, label=path.name, temperature_k=TEMPERATURE_K, replica=str(number))
                for number, path in zip(source.replicas, trajectories, strict=True)
            ],
            recorded(cached_path(atlas_url(name, source.frames, server), cache)),
        )
        for name, (topology, trajectories) in files.items()
    ]
