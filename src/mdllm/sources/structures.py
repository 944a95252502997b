"""Structures by their PDB id, from RCSB or from a folder that the user may fill by hand.

The cache holds `structures/<id>.pdb` or `structures/<id>.cif`, the id in small or capital letters. What lies there is
used as it is; only what is missing is downloaded. Beside each lies its SHA-256 as it was when it was first used, in a
file that `sha256sum --check` reads.
"""

import http.client
import logging
import shutil
import urllib.error
import urllib.request
import warnings
from pathlib import Path

from Bio.PDB import PDBIO, MMCIFParser
from Bio.PDB.PDBExceptions import PDBConstructionWarning
from Bio.PDB.PDBIO import PDBIOException

from mdllm.config.settings.simulation import StructureSource
from mdllm.core.errors import InputError
from mdllm.core.records import replacing
from mdllm.sources.checksums import unchanged

logger = logging.getLogger(__name__)
RCSB = "https://files.rcsb.org/download"
_FORMATS = (".pdb", ".cif")
_TIMEOUT_S = 60


def fetch_structure(pdb_id: str, cache: Path, server: str = RCSB) -> Path:
    """The file of a PDB entry, in PDB format where the entry has one, else in mmCIF.

    Args:
        pdb_id: four characters, for instance 3DMV.
        cache: folder whose `structures/` is looked into first, and filled.
        server: address below which `<ID>.pdb` and `<ID>.cif` lie.

    Raises:
        InputError: no network and nothing cached, no such entry, a file without atoms, or one that has changed.
    """
    folder = Path(cache) / "structures"
    for suffix in _FORMATS:
        for name in (pdb_id.lower(), pdb_id.upper()):
            path = folder / (name + suffix)
            if path.is_file():
                return unchanged(_with_atoms(path))
    for suffix in _FORMATS:
        path = folder / (pdb_id.lower() + suffix)
        if _download(f"{server}/{pdb_id.upper()}{suffix}", path):
            return unchanged(_with_atoms(path))
    raise InputError(f"{server} has no entry {pdb_id.upper()}; correct the PDB id")


def as_frames(source: StructureSource, cache: Path) -> tuple[Path, list[Path]]:
    """The file of a structure as topology and trajectory: its models are the frames.

    An entry of the Protein Data Bank lies where the rule fetch_structure has put it.
    """
    path = Path(source.path)
    return path, [path]


def write_as_pdb(structure: Path, output: Path) -> None:
    """Write a structure file to `output` in PDB format: a copy, or all models of an mmCIF file (author's numbers).

    Raises:
        InputError: an mmCIF file that cannot be read, or that the PDB format has no room for.
    """
    with replacing(output) as partial:
        if structure.suffix == ".pdb":
            shutil.copyfile(structure, partial)
            return
        writer = PDBIO()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PDBConstructionWarning)  # discontinuous chains: every entry with water
                writer.set_structure(MMCIFParser().get_structure(structure.stem, str(structure)))
            writer.save(str(partial))
        except (PDBIOException, KeyError, ValueError) as error:
            raise InputError(
                f"{structure} cannot be written in PDB format: {error}. Cut out the chains that you need, and name "
                "that file by `file` instead of `pdb`"
            ) from error


def _download(address: str, path: Path) -> bool:
    """Fetch `address` into `path`; False where the server has no such file."""
    logger.info("fetching %s", address)
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise InputError(_by_hand(address, path, str(error))) from error
    except (OSError, http.client.IncompleteRead) as error:  # no route, no name, refused, timed out, or cut off
        raise InputError(_by_hand(address, path, str(error))) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)
    return True


def _by_hand(address: str, path: Path, reason: str) -> str:
    return (
        f"{address} could not be fetched ({reason}). Without a network, fetch it on another machine and put it at "
        f"{path} (or, in mmCIF format, at {path.with_suffix('.cif')})"
    )


def _with_atoms(path: Path) -> Path:
    with open(path, errors="replace") as stream:
        if any(line.startswith(("ATOM", "HETATM")) for line in stream):
            return path
    raise InputError(f"{path} holds no atoms, so it is no structure file; delete it, or put the right file there")
