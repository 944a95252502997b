"""The command `mdllm`: what it prints, and how it ends."""

import pytest

from mdllm.cli import main
from mdllm.schemas import texts
from project import ROOT


@pytest.fixture
def mdllm(capsys):
    """Run the command; what it printed, on standard error where it fails."""

    def run(*arguments: str, ok: bool = True) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert ended.value.code == (0 if ok else 1)
        out, err = capsys.readouterr()
        return out if ok else err

    return run


def test_input_to_mend_ends_with_its_message_alone(mdllm, tmp_path):
    assert mdllm("report", str(tmp_path), ok=False) == f"{tmp_path} holds no */summary.json; run the workflow first\n"


def test_schemas_are_written_and_checked(mdllm, tmp_path):
    paths = mdllm("schemas", "--root", str(tmp_path)).splitlines()
    assert sorted(paths) == sorted(str(tmp_path / path) for path in texts())
    assert mdllm("schemas", "--check", "--root", str(tmp_path)) == "schemas and config files agree\n"
    (tmp_path / "workflow" / "schemas" / "summary.schema.json").write_text("{}")
    (tmp_path / "config" / "systems").mkdir(parents=True)
    (tmp_path / "config" / "systems" / "x.yaml").write_text("description: 3")
    out = mdllm("schemas", "--check", "--root", str(tmp_path), ok=False)
    assert "workflow/schemas/summary.schema.json is not up to date; run `mdllm schemas`" in out
    assert "x.yaml: $.description: 3 is not of type 'string'" in out


def test_the_schemas_of_this_repository_are_those_of_its_classes():
    for path, text in texts().items():
        assert (ROOT / path).read_text() == text
