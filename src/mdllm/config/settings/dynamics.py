"""Settings of the dynamic properties, and the definitions of contacts."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

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
    """SeqDance's properties of MD with all atoms."""

    frames: NonNegativeInt = Field(0, description="MD frames that are measured at most, evenly spread; 0: none")
    blocks: Annotated[int, Field(ge=2)] = Field(10, description="blocks of MD that give errors")
    superposition: Literal["mean", "first"] = Field(
        "mean", description="CA are superposed on their mean, found by iteration, or on the first frame as in SeqDance"
    )
    sasa_frames: PositiveInt | None = Field(
        100, description="frames of which the surface is measured, the slowest part, evenly spread; null: all"
    )
    contacts: ContactSettings = ContactSettings()


class DynamicsSettings(Section):
    """How the motion of generated frames is compared with that of MD."""

    frames: Annotated[int, Field(ge=4)] = Field(2000, description="frames of each source at most, evenly spread")
    blocks: Annotated[int, Field(ge=2)] = Field(
        10, description="blocks of MD that give its errors; generated frames have their replicas"
    )
    contact_nm: PositiveFloat = Field(
        0.8, description="CB, placed by ideal geometry, that are nearer are in contact; residues at least 3 apart"
    )
    network_modes: PositiveInt = Field(20, description="slowest modes of the elastic networks that are compared")
