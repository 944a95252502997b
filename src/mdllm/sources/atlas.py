"""The source `atlas`: three trajectories of 100 ns of a chain of the database ATLAS, kept in the cache.

ATLAS: Vander Meersche et al., Nucleic Acids Res. 52, D384 (2024), CC BY-NC 4.0; Charmm36m, TIP3P, 300 K. Chains are
named like `16pk_A`; `analysis` has 1,000 frames of the protein for each replica, `protein` 10,000.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.sources.archives import unpack_system
from mdllm.sources.download import download

ATLAS = "https://www.dsimb.inserm.fr/ATLAS/database/ATLAS"
AtlasId = Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9]{3}_[A-Za-z0-9]$", description="like 16pk_A")]
Frames = Literal["analysis", "protein"]
Replica = Annotated[int, Field(ge=1, le=3)]
TEMPERATURE_K = 300.0


class AtlasSource(SourceSettings):
    """Trajectories of one chain of ATLAS."""

    implementation: ClassVar[str] = "mdllm.sources.atlas:fetch_atlas"
    type: Literal["atlas"]
    id: AtlasId
    frames: Frames = Field("analysis", description="1,000 (analysis) or 10,000 frames (protein) of each replica")
    replicas: list[Replica] = Field(default=[1, 2, 3], min_length=1)

    def requirements(self, cache: Path) -> Requirements:
        return {(f"ATLAS {self.id}", self.model_dump_json()): lambda: fetch_atlas(self, cache)}


def atlas_url(name: str, frames: Frames, server: str = ATLAS) -> str:
    """Address of the archive of a chain."""
    return f"{server}/{name}/{name}_{frames}.zip"


def fetch_atlas(source: AtlasSource, cache: Path, server: str = ATLAS) -> tuple[Path, list[Path]]:
    """Topology and trajectories of a chain, from `cache` or from ATLAS.

    Raises:
        InputError: no network and nothing cached, no such chain, or a damaged archive.
    """
    archive = download(atlas_url(source.id, source.frames, server), cache)
    trajectories = [f"**/{source.id}*_R{number}_fit.xtc" for number in source.replicas]
    return unpack_system(archive, f"**/{source.id}.pdb", trajectories)
