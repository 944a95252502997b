"""The gallery names runs that exist, and shows small pictures of them."""

import importlib
import re

import pytest

from mdllm.config.plan import Plan
from project import ROOT

DOCS = ROOT / "docs"
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def gallery():
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright (requirements.txt)")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module("gallery")


def test_every_entry_is_a_variant_with_its_command_and_a_picture(gallery):
    page = (DOCS / "gallery" / "index.md").read_text()
    names = list(dict.fromkeys(entry.system for entry in gallery.ENTRIES))
    plan = Plan({"systems": names, "preset": "cpu"}, ROOT / "config")
    for entry in gallery.ENTRIES:
        assert entry.variant in plan.systems[entry.system].variants
        assert f"--config only={entry.system}\n" in page
        assert f"]({entry.picture})" in page
        assert (DOCS / "gallery" / entry.picture).stat().st_size < MOST_BYTES
    made = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "only=trp_cage,trp_cage_verified" in line
    )
    assert set(made.partition("only=")[2].split(",")) == set(names)


def test_pictures_of_the_readme_are_there_and_small():
    pictures = re.findall(r"!\[[^]]+\]\((docs/images/[^)]+)\)", (ROOT / "README.md").read_text())
    assert "docs/images/page.png" in pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < MOST_BYTES


def test_what_is_missing_is_named_with_what_makes_it(gallery, tmp_path):
    with pytest.raises(
        SystemExit, match=r"no page of trp_cage, .* snakemake --profile profiles/local --config only=trp_cage,"
    ):
        gallery.main(tmp_path)
