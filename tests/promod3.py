"""A small structure database in the layout of ProMod3, and a Debian package that holds it, written byte by byte."""

import io
import struct
import tarfile
from pathlib import Path

import numpy as np

HEADER = struct.pack("<14I", 1234, 2, 4, 4, 2, 8, 2, 6, 88, 40, 24, 6, 4, 1) + bytes(21)


def database(chains: list[tuple[str, str, int, str, np.ndarray]]) -> bytes:
    """Of chains (entry, chain, number of the first residue, letters, N, CA, C, O (L, 4, 3) in nm)."""
    table, first = struct.pack("<Q", len(chains)), 0
    for entry, chain, number, letters, _ in chains:
        for text in (entry, chain):
            table += struct.pack("<I", len(text)) + text.encode()
        table += struct.pack("<IHH3f", first, len(letters), number, 1.0, 2.0, 3.0)
        first += len(letters)
    count = struct.pack("<Q", first)
    letters = "".join(letters for *_, letters, _ in chains).encode()
    backbone = np.concatenate([backbone for *_, backbone in chains])
    coordinates = np.round(backbone * 1000).astype("<i2").tobytes()
    others = b"".join(count + bytes(size * first) for size in (4, 2, 2, 1, 40, 40))
    return HEADER + table + count + letters + count + coordinates + others


def debian_package(path: Path, name: str, content: bytes) -> Path:
    """A package with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        entry = tarfile.TarInfo(f"./usr/share/promod3/{name}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": packed.getvalue()}
    written = b"!<arch>\n"
    for member, data in members.items():
        written += f"{member:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(data):<10}`\n".encode() + data
        written += b"\n" * (len(data) % 2)
    path.write_bytes(written)
    return path
