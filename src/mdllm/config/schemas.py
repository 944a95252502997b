"""JSON Schemas of the config files, from the settings classes; ``mdllm schemas`` writes and checks them."""

import json

from mdllm.config.settings.kinetics import KineticSystemSettings
from mdllm.config.settings.stages import RunSettings, StageSettings
from mdllm.config.settings.system import SystemSettings

# Of each schema its class, and the files in config/ that follow it.
SCHEMAS = {
    "config": (RunSettings, "*.yaml"),
    "preset": (StageSettings, "presets/*.yaml"),
    "system": (SystemSettings, "systems/*.yaml"),
    "kinetic_system": (KineticSystemSettings, "systems/*.yaml"),
}
# Where several schemas have the same files: the `kind` of those that follow this one.
KIND_OF = {"system": "structure", "kinetic_system": "kinetics"}


def render(name: str) -> str:
    """The schema `name` as JSON text."""
    model, _ = SCHEMAS[name]
    return json.dumps(model.model_json_schema(), indent=2) + "\n"
