"""The 50 residue and 13 pair properties of SeqDance, by name, unit and group, in the order of its targets.

The one table of them: what measures, predicts, trains on, writes or draws properties takes names and columns from here.

Source: Hou, Zhao, Shen, PNAS 123(4), e2530466123 (2026), Methods.
"""

from typing import NamedTuple

ANGLE_BINS = 12  # of 30 degrees, from -pi upwards
DSSP_CLASSES = ("B", "E", "H", "I", "G", "S", "T", "none")  # as mdtraj tells them apart; none: its blank
BANDS = ("low", "medium", "high")
CONTACTS = ("vdw", "hbbb", "hbsb", "hbss", "hp", "sb", "pc", "ps", "ts")


class Property(NamedTuple):
    """A column of the residue or of the pair properties.

    Attributes:
        unit: "1" for shares, correlations and what is relative.
        group: properties that belong together, the shares of one angle for example.
    """

    name: str
    unit: str
    group: str
    meaning: str


def _angle(name: str, about: str) -> list[Property]:
    edges = range(-180, 180, 360 // ANGLE_BINS)
    return [
        Property(f"{name}_{edge}", "1", name, f"share of frames with {about} in [{edge}, {edge + 30}) degrees")
        for edge in edges
    ]


_CONTACTS_IN_WORDS = {
    "vdw": "van der Waals contact",
    "hbbb": "hydrogen bond, backbone to backbone",
    "hbsb": "hydrogen bond, side chain to backbone",
    "hbss": "hydrogen bond, side chain to side chain",
    "hp": "hydrophobic contact",
    "sb": "salt bridge",
    "pc": "cation and ring",
    "ps": "parallel rings",
    "ts": "T-shaped rings",
}

RESIDUE_PROPERTIES = (
    Property("sasa_mean_nm2", "nm2", "sasa", "solvent-accessible surface, mean"),
    Property("sasa_std_nm2", "nm2", "sasa", "solvent-accessible surface, standard deviation over frames"),
    Property("rmsf_nm", "nm", "rmsf", "root-mean-square fluctuation of CA about its mean, frames superposed"),
    *(Property(f"dssp_{name}", "1", "dssp", f"share of frames in the class {name} of DSSP") for name in DSSP_CLASSES),
    *_angle("chi1", "chi1"),
    *_angle("phi", "phi"),
    *_angle("psi", "psi"),
    *(Property(f"gnm_{band}", "1", "gnm", f"fluctuation in the {band} band of the Gaussian network") for band in BANDS),
)
PAIR_PROPERTIES = (
    *(Property(name, "1", "contacts", f"{words}: share of frames") for name, words in _CONTACTS_IN_WORDS.items()),
    Property("correlation", "1", "correlation", "correlation of the motion of CA, frames superposed"),
    *(
        Property(f"anm_{band}", "1", "anm", f"correlation in the {band} band of the anisotropic network")
        for band in BANDS
    ),
)


def columns(properties: tuple[Property, ...], group: str) -> slice:
    """The columns of a group, which are next to each other."""
    own = [number for number, entry in enumerate(properties) if entry.group == group]
    return slice(own[0], own[-1] + 1)
