"""The source `series`: discrete trajectories that others have made, one state number per frame.

Such files come from deeptime, PyEMMA, MSMBuilder, or a line of numpy. Each file is one trajectory. What a number means
is the user's; numbers need not be consecutive. `mdllm.prepare.series` reads them.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mdllm.config.choices import SourceSettings
from mdllm.config.registry import Requirements
from mdllm.config.section import Section
from mdllm.core.errors import InputError
from mdllm.sources.download import download
from mdllm.sources.files import matching
from mdllm.sources.package import Sha256
from mdllm.sources.url import WebAddress


class WebFile(Section):
    """A file on a web server, fetched once and checked."""

    url: WebAddress
    sha256: Sha256


class SeriesSource(SourceSettings):
    """Files of state numbers, one trajectory each; text, CSV or npy, also compressed by gzip."""

    implementation: ClassVar[str] = "mdllm.sources.series:find_series"
    frames_are: ClassVar[Literal["atoms", "potential", "series"]] = "series"
    type: Literal["series"]
    files: Annotated[list[str | WebFile], Field(min_length=1)] = Field(
        description="paths or glob patterns, or {url, sha256}; one trajectory each"
    )
    format: Literal["text", "csv", "npy"] | None = Field(
        None,
        description="text: columns between blanks, # begins a comment; null: by the ending, .npy, .csv, else text",
    )
    column: Annotated[int, Field(ge=0)] | str | None = Field(
        None, description="of the state number: from 0, or its name in the head of a csv; null: the file has one column"
    )
    unassigned: int | None = Field(
        None,
        description="number of frames in no state, as -1 in PyEMMA: trajectories are cut there; null: none",
    )

    def raw_files(self) -> list[str]:
        return [str(path) for path in matching([f for f in self.files if isinstance(f, str)], "source.files")]

    def requirements(self, cache: Path) -> Requirements:
        return {
            (file.url, file.sha256): lambda file=file: download(file.url, cache, file.sha256)
            for file in self.files
            if isinstance(file, WebFile)
        }


def find_series(source: SeriesSource, cache: Path) -> list[Path]:
    """The files, in order; those on a web server come from `cache`, into which they are fetched once.

    Raises:
        InputError: a file does not exist, is given twice, cannot be fetched, or has another checksum.
    """
    found = []
    for file in source.files:
        if isinstance(file, WebFile):
            found.append(download(file.url, cache, file.sha256))
        else:
            found += matching([file], "source.files")
    for number, path in enumerate(found):
        if path.resolve() in {other.resolve() for other in found[:number]}:
            raise InputError(f"source.files: {path} is given twice; its frames would count twice")
    return found
