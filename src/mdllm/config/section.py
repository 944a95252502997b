"""The base of every section of a config file, and the type of every name in one."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """Base of every section: frozen, typed, and closed against unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
