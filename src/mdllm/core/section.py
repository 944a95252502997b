"""The base of every section of a config file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: frozen, typed, and closed against unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
