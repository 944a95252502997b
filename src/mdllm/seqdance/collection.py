"""Properties of the proteins of a collection, for training: what backbones show, and normal modes.

A collection holds backbones alone: surface, chi1 and contacts of side chains are left out. Fluctuation and correlation
of motion are those of trajectories; where a protein has only structures, these show its torsions and its secondary
structure, and normal modes how it would move.

Axes: F frames, L residues.
"""

import logging
from pathlib import Path

import numpy as np
from Bio.Data.IUPACData import protein_letters_1to3
from tqdm import tqdm

from mdllm.analysis.dynamics.measure import shares
from mdllm.analysis.dynamics.motion import measure_motion, superposition
from mdllm.analysis.dynamics.normal_modes import anisotropic_network, gaussian_network
from mdllm.analysis.dynamics.properties import (
    ANGLE_BINS,
    DSSP_CLASSES,
    PAIR_PROPERTIES,
    RESIDUE_PROPERTIES,
    columns,
)
from mdllm.analysis.dynamics.shapes import angle_bins, dssp, torsions
from mdllm.collections.reader import Collection, Segment
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA
from mdllm.seqdance.settings import CollectionProperties
from mdllm.seqdance.storage import PROTEINS, PropertyWriter

logger = logging.getLogger(__name__)
MD, STRUCTURES = "md", "structures"
_FEWEST = 10  # frames that show a fluctuation


def write_collection(collection: Collection, settings: CollectionProperties, folder: Path) -> None:
    """Measure the proteins for training and validation, and write them into `folder`, unless it is there.

    Raises:
        InputError: a split has no protein.
    """
    if (folder / PROTEINS).exists():
        return
    writer, without_modes = PropertyWriter(folder), []
    for split in ("train", "validation"):
        lengths = collection.proteins["residues"]
        names = [name for name in collection.names(split) if lengths[name] <= settings.longest]
        if not names:
            raise InputError(
                f"{collection.folder} has no protein for {split} of at most {settings.longest} residues; see "
                "validation_share and left_out.csv, or raise data.longest"
            )
        if left_out := len(collection.names(split)) - len(names):
            logger.info("%s: %d proteins of more than %d residues are left out", split, left_out, settings.longest)
        for name in tqdm(names, desc=f"properties, {split}", unit="protein", mininterval=1):
            segments = collection.conformers(name)
            residue, pair, group = measure(segments, settings.frames)
            if np.isnan(pair[..., columns(PAIR_PROPERTIES, "anm")]).all():
                without_modes.append(name)
            writer.add(name, segments[0].sequence, group, split, residue, pair)
    writer.close()
    if without_modes:
        logger.warning(
            "%d proteins have no normal modes, since their parts are not joined within 1.5 nm: %s ...",
            *(len(without_modes), ", ".join(without_modes[:5])),
        )


def measure(segments: list[Segment], most_frames: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Residue (L, 50) and pair (L, L, 13) properties of one protein, NaN what is not known, and its group."""
    each = max(most_frames // len(segments), 1)
    chosen = [_spread(segment, each) for segment in segments[:most_frames]]
    in_time = [frames for frames, segment in zip(chosen, segments, strict=False) if segment.interval_ps is not None]
    letters = segments[0].sequence
    residue, pair = measure_backbone(
        np.concatenate(chosen),
        np.all([segment.bonded for segment in segments], axis=0),
        np.array([protein_letters_1to3.get(letter, "Unk").upper() for letter in letters]),
        np.zeros(len(letters), int),
        np.concatenate(in_time) if sum(map(len, in_time)) >= _FEWEST else None,
    )
    moves = np.isfinite(residue[:, columns(RESIDUE_PROPERTIES, "rmsf")]).any()
    return residue, pair, MD if moves else STRUCTURES


def measure_backbone(
    backbone: np.ndarray, bonded: np.ndarray, resnames: np.ndarray, chain: np.ndarray, moving: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Residue (L, 50) and pair (L, L, 13) properties that backbones show, NaN all others.

    Args:
        backbone: (F, L, 4, 3) in nm; its first frame gives the normal modes, where these exist.
        bonded: (L - 1,) whether a residue is bound to the next.
        resnames, chain: (L,) three-letter names, numbers.
        moving: (F, L, 4, 3) frames that show the motion; None: there are none.
    """
    size, cluster = backbone.shape[1], np.zeros(len(backbone), int)
    residue = np.full((size, len(RESIDUE_PROPERTIES)), np.nan)
    pair = np.full((size, size, len(PAIR_PROPERTIES)), np.nan)
    for name, angle in zip(("phi", "psi"), torsions(backbone, bonded), strict=True):
        residue[:, columns(RESIDUE_PROPERTIES, name)] = shares(angle_bins(angle), ANGLE_BINS, cluster)[0]
    classes = dssp(backbone, resnames, chain)
    residue[:, columns(RESIDUE_PROPERTIES, "dssp")] = shares(classes, len(DSSP_CLASSES), cluster)[0]
    if moving is not None:
        ca = moving[:, :, CA]
        rotation, translation = superposition(ca, "mean")
        motion = measure_motion(ca @ rotation + translation[:, None], np.zeros(len(ca), int))
        residue[:, columns(RESIDUE_PROPERTIES, "rmsf")] = motion.rmsf_nm[:, None]
        pair[..., columns(PAIR_PROPERTIES, "correlation")] = motion.correlation[..., None]
    try:
        gaussian, anisotropic = gaussian_network(backbone[0, :, CA]), anisotropic_network(backbone[0, :, CA])
    except InputError:  # parts that are not joined: the caller says so, who knows their name
        return residue, pair
    residue[:, columns(RESIDUE_PROPERTIES, "gnm")] = np.stack([gaussian.msf(band) for band in gaussian.bands()], -1)
    pair[..., columns(PAIR_PROPERTIES, "anm")] = np.stack(
        [anisotropic.correlation(band) for band in anisotropic.bands()], -1
    )
    return residue, pair


def _spread(segment: Segment, most: int) -> np.ndarray:
    frames = np.linspace(0, len(segment.backbone) - 1, min(most, len(segment.backbone))).round().astype(int)
    return np.asarray(segment.backbone[frames])
