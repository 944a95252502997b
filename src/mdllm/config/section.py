"""The base of every section of a config file, and the types that sections share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
UnitInterval = Annotated[float, Field(gt=0, le=1)]


def _ascends(frames: tuple[int, int]) -> tuple[int, int]:
    if frames[0] > frames[1]:
        raise ValueError(f"range {list(frames)} is reversed; it names its first and its last frame")
    return frames


FrameRange = Annotated[tuple[NonNegativeInt, NonNegativeInt], AfterValidator(_ascends)]


class Section(BaseModel):
    """Base of every section: frozen, typed, and closed against unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def require(name: str, known: dict, key: str) -> None:
    """Raise a ValueError that says what `key` may name, unless it names something in `known`."""
    if name not in known:
        raise ValueError(f"{key} names '{name}', which is not defined; defined are {', '.join(known) or 'none'}")
