"""The command that verifies a set-up of FoldToken4."""

from pathlib import Path

import pytest

from foldtoken4_release import protein
from mdllm.cli import main


def run(release: dict, structure: Path, *more: str) -> int:
    """The exit status of the command."""
    given = {key: release[key] for key in ("checkout", "weights", "level", "device") if key in release}
    flags = [text for key, value in given.items() for text in (f"--{key}", str(value))]
    with pytest.raises(SystemExit) as ended:
        main(["check-foldtoken4", *flags, "--structure", str(structure), "--seeds", "2", *more])
    return ended.value.code


def without(structure: Path, target: Path, residue: int, atom: str | None = None) -> Path:
    """A copy of the first model without one atom of a residue, or without the whole residue."""

    def kept(line: str) -> bool:
        return line[:4] != "ATOM" or int(line[22:26]) != residue or atom not in (None, line[12:16].strip())

    lines = structure.read_text().split("ENDMDL")[0].splitlines()
    target.write_text("\n".join(filter(kept, lines)) + "\n")
    return target


def test_the_command_prints_a_table(release, structures, capsys):
    assert run(release, structures / "1l2y.pdb", "--largest-rmsd-nm", "100") == 0
    out, err = capsys.readouterr()
    assert not err
    for row in ("20, one code each", "RMSD of encode->decode", "after superposition", "decoder seeds", "works"):
        assert row in out


def test_the_command_finds_an_untrained_network(release, structures, capsys):
    assert run(release, structures / "1l2y.pdb", "--largest-rmsd-nm", "0.05") == 1
    assert "weights and config.yaml do not belong together" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--level", "9"], "tokenizer.level 9 was not trained"),
        (["--weights", "missing.pth"], "tokenizer.weights: missing.pth does not exist; download"),
        (["--checksum", "md5:" + "0" * 32], "Fetch it again"),
        (["--structure", "missing.pdb"], "--structure: missing.pdb does not exist"),
    ],
)
def test_the_command_advises(empty_release, structures, capsys, more, message):
    assert run(empty_release, structures / "1l2y.pdb", *more) == 1
    out, err = capsys.readouterr()
    assert message in err
    assert not out


def test_the_command_names_a_gap(empty_release, structures, tmp_path, capsys):
    gapped = without(structures / "1l2y.pdb", tmp_path / "gap.pdb", 9)
    assert run(empty_release, gapped) == 1
    assert "between LYS 8 and GLY 10" in capsys.readouterr().err


def test_a_residue_that_the_public_code_drops_is_named(release, structures, tmp_path, capsys):
    lacking = without(structures / "1l2y.pdb", tmp_path / "lacking.pdb", 9, "C")
    _, chains, _ = protein(lacking).to_XCS()
    assert (chains > 0).sum() == 19
    assert run(release, lacking) == 1
    assert "lack backbone atoms: ASP 9 (C)" in capsys.readouterr().err
