"""Settings of the dynamic properties, and the definitions of contacts."""

from typing import Literal

from pydantic import Field, PositiveInt

from mdllm.config.section import Section

HYDROPHOBIC = ("ALA", "PHE", "GLY", "ILE", "LEU", "PRO", "VAL", "TRP")


class ContactSettings(Section):
    """What is a contact where SeqDance's choices are open to doubt; the defaults are its own."""

    backbone_nitrogen_accepts: bool = Field(True, description="N of the backbone may accept a hydrogen bond")
    histidine_charged: Literal["always", "protonated"] = Field(
        "always", description="which histidines are cations: all, or those with a hydrogen on both nitrogens"
    )
    hydrophobic_residues: tuple[str, ...] = Field(
        HYDROPHOBIC, description="residues whose carbons, if bonded to C and H alone, make hydrophobic contacts"
    )


class PropertySettings(Section):
    """How the properties of an ensemble with all atoms are measured."""

    superposition: Literal["mean", "first"] = Field(
        "mean", description="CA are superposed on their mean, found by iteration, or on the first frame as in SeqDance"
    )
    sasa_frames: PositiveInt | None = Field(
        100, description="frames of which the surface is measured, the slowest part, evenly spread; null: all"
    )
    contacts: ContactSettings = ContactSettings()
