"""The source `url`: a file on a web server, or members of an archive there, kept in the cache."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.sources.archives import unpack_system
from mdllm.sources.download import download
from mdllm.sources.package import Sha256

WebAddress = Annotated[str, Field(pattern=r"^https?://[^/\s?#]+/[^\s?#]+$", description="http or https")]


class UrlSource(SourceSettings):
    """Members of a zip or tar archive on a web server, fetched once and checked by SHA-256."""

    implementation: ClassVar[str] = "mdllm.sources.url:fetch_url"
    type: Literal["url"]
    url: WebAddress
    sha256: Sha256 = Field(description="of the archive")
    topology: str = Field(description="path in the archive, or a glob pattern that one file matches")
    trajectories: list[str] = Field(min_length=1, description="paths or glob patterns, in order of time")

    def requirements(self, cache: Path) -> Requirements:
        return {(self.url, self.model_dump_json()): lambda: fetch_url(self, cache)}


def fetch_url(source: UrlSource, cache: Path) -> tuple[Path, list[Path]]:
    """Topology and trajectories of an archive, from `cache` or from its server; patterns are sorted.

    Raises:
        InputError: no network and nothing cached, a wrong checksum, or members that are not there.
    """
    return unpack_system(download(source.url, cache, source.sha256), source.topology, source.trajectories)
