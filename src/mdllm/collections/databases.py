"""Proteins of mdCATH, of ATLAS, and of the structure database of ProMod3."""

from pathlib import Path

import numpy as np

from mdllm.collections.frames import mdcath_runs, trajectory_run
from mdllm.collections.proteins import Protein, Run
from mdllm.collections.settings import AtlasChains, MdcathDomains, Promod3Chains
from mdllm.core.errors import InputError
from mdllm.sources.archives import unpack, unpacked_folder
from mdllm.sources.atlas import ATLAS, TEMPERATURE_K, AtlasSource, atlas_url, fetch_atlas
from mdllm.sources.checksums import recorded
from mdllm.sources.download import cached_path, download
from mdllm.sources.mdcath import MDCATH, find_domain
from mdllm.sources.promod3 import Stretch, StructureDatabase


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


def of_promod3(source: Promod3Chains, cache: Path) -> list[Protein]:
    """A protein for each stretch of chain that was drawn; raises InputError for a bad database, or none that fits."""
    archive = download(source.url, cache, source.sha256)
    (member,) = unpack(archive, ["**/structure_db.dat"]).values()
    database = StructureDatabase(unpacked_folder(archive) / member[0])
    fitting = [stretch for stretch in database.stretches if stretch.residues >= source.shortest]
    if not fitting:
        raise InputError(f"{database.path}: no stretch has {source.shortest} residues (shortest)")
    rng = np.random.default_rng(source.seed)
    drawn = np.sort(rng.choice(len(fitting), min(source.proteins, len(fitting)), replace=False))

    def runs(stretch: Stretch) -> list[Run]:
        return [Run(stretch.name, database.sequence(stretch), lambda: iter([(0, database.backbone(stretch)[None])]))]

    return [
        Protein(
            source.prefix + stretch.name,
            f"promod3 {source.url}",
            str(database.path),
            lambda stretch=stretch: runs(stretch),
            source.sha256,
        )
        for stretch in map(fitting.__getitem__, drawn)
    ]
