"""A config folder that a test may spoil."""

import pytest

from config_folder import system, write
from project import ROOT


@pytest.fixture
def folder(tmp_path):
    """A config folder with one system, which a test may spoil."""
    (tmp_path / "systems").mkdir()
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "cpu.yaml").write_text((ROOT / "config" / "presets" / "cpu.yaml").read_text())
    write(tmp_path, system())
    return tmp_path
