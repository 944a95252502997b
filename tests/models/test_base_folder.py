"""Where a base comes from: a folder, or a revision in a Hugging Face cache that is filled by hand."""

import errno

import pytest
from huggingface_hub import constants

from mdllm.core.errors import InputError
from mdllm.models import base_folder
from mdllm.models.base_folder import checksum, commit, find_base
from mdllm.models.pretrained import origin
from models.pretrained_small import model

NAME = "someone/small"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache that has two commits of one base: `main` is the newer, the tag `v1` the older."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "hub" / "models--someone--small"
    for reference, commit_of in (("main", NEW), ("v1", OLD)):
        snapshot = folder / "snapshots" / commit_of
        snapshot.mkdir(parents=True)
        for file in ("config.json", "model.safetensors", "tokenizer.json"):
            (snapshot / file).write_text(commit_of)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / reference).write_text(commit_of)
    return folder


@pytest.mark.parametrize(("revision", "expected"), [(None, NEW), ("main", NEW), ("v1", OLD), (OLD, OLD)])
def test_a_revision_of_the_hub_is_found_and_named(hub, tmp_path, revision, expected):
    folder = find_base(NAME, revision)
    assert folder == hub / "snapshots" / expected
    assert commit(folder) == expected
    settings = model(tmp_path).model_copy(update={"base": NAME, "revision": revision})
    assert origin(settings) == {"base_commit": expected}


def test_commits_differ_in_their_checksum(hub):
    assert checksum(find_base(NAME)) != checksum(find_base(NAME, "v1"))


def test_a_revision_that_is_not_there_says_how_to_fetch_it(hub):
    with pytest.raises(InputError, match=r"small' at 'v2' is no folder.*hf download someone/small --revision v2 "):
        find_base(NAME, "v2")


def test_a_full_disk_is_no_missing_hub(hub, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(base_folder, "snapshot_download", full)
    with pytest.raises(OSError, match="No space left on device"):
        find_base(NAME)


def test_a_revision_of_a_folder_has_no_effect_and_is_refused(hub, tmp_path):
    folder = hub / "snapshots" / NEW
    with pytest.raises(InputError, match=r"model\.revision: 'v1' has no effect, since model\.base '.*' is a folder"):
        find_base(str(folder), "v1")


def test_a_folder_has_no_commit(hub, tmp_path):
    (tmp_path / "base").mkdir()
    for file in (hub / "snapshots" / NEW).iterdir():
        (tmp_path / "base" / file.name).write_bytes(file.read_bytes())
    assert commit(find_base(str(tmp_path / "base"))) is None
    assert origin(model(tmp_path)) == {}
