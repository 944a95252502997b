"""FoldToken4 before its network: files are checked, residues are accounted for, chunks are found again."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml

from foldtoken4_release import CONFIG, Interrupted
from mdllm.core.errors import InputError
from mdllm.tokenizers.foldtoken4.chains import chain_numbers
from mdllm.tokenizers.foldtoken4.files import FoldToken4Files
from mdllm.tokenizers.foldtoken4.resume import ChunkedWork


def test_complete_files_are_found(empty_release):
    files = FoldToken4Files.find(**empty_release, level=8, checksum=f"md5:{hashlib.md5(b'weights').hexdigest()}")
    assert files.config == empty_release["weights"].with_name("config.yaml")
    assert files.checksums["weights"] == hashlib.sha256(b"weights").hexdigest()
    files.require(files.checksums)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkout": Path("nowhere")}, "tokenizer.checkout: nowhere holds no .*clone"),
        ({"weights": Path("ckpt.pth")}, "tokenizer.weights: ckpt.pth does not exist; download .*zenodo"),
        ({"config": Path("config.yaml")}, "tokenizer.config: config.yaml does not exist; download"),
        ({"level": 9}, "tokenizer.level 9 was not trained; .* lists 5, 8"),
        ({"checksum": "sha256:" + "0" * 64}, f"has sha256:{hashlib.sha256(b'weights').hexdigest()}, not .*Fetch"),
        ({"checksum": "md5:" + "0" * 32}, f"has md5:{hashlib.md5(b'weights').hexdigest()}, not"),
        ({"checksum": "0" * 64}, "weights_checksum: '0+' is neither md5"),
    ],
)
def test_wrong_files_are_named(empty_release, change, message):
    with pytest.raises(InputError, match=message):
        FoldToken4Files.find(**{**empty_release, "level": 8, **change})


def test_all_that_is_missing_is_named_at_once(tmp_path):
    with pytest.raises(InputError, match=r"(?s)tokenizer\.checkout: .*tokenizer\.weights: .*tokenizer\.config: "):
        FoldToken4Files.find(tmp_path, tmp_path / "ckpt.pth", None, level=8)


def test_config_of_another_network_names_the_key(empty_release):
    config = empty_release["weights"].with_name("config.yaml")
    config.write_text(yaml.safe_dump({key: value for key, value in CONFIG.items() if key != "dec_topk"}))
    with pytest.raises(InputError, match=r"config.yaml:\n  dec_topk: this key is required"):
        FoldToken4Files.find(**empty_release, level=8)


@pytest.mark.parametrize("part", ["checkout", "weights", "config"])
def test_files_that_change_after_the_fit_are_refused(empty_release, part):
    fitted = FoldToken4Files.find(**empty_release, level=8)
    path = {"checkout": fitted.package / "model_interface.py", "weights": fitted.weights, "config": fitted.config}[part]
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{path if part != 'checkout' else fitted.package} changed after"):
        FoldToken4Files.find(**empty_release, level=8).require(fitted.checksums)


def test_a_gap_is_named_unless_a_chain_begins_there(atoms):
    backbone = np.delete(atoms[:, :3], [7, 8], axis=0)
    with pytest.raises(InputError, match=r"1 gaps .* residue 7 of the selection and residue 8 of the selection \(0\."):
        chain_numbers(backbone, None)
    with pytest.raises(InputError, match="between SER 7 and LYS 10"):
        chain_numbers(backbone, [8, 10], ["SER 7" if i == 6 else "LYS 10" for i in range(18)])
    assert chain_numbers(backbone, [7, 11]).tolist() == [1] * 7 + [2] * 11


def test_chains_must_add_up_to_the_residues(atoms):
    with pytest.raises(InputError, match=r"tokenizer.chains: \[10, 11\] adds up to 21 residues, the frames have 20"):
        chain_numbers(atoms[:, :3], [10, 11])


def test_finished_chunks_are_found_again(tmp_path):
    frames = np.arange(300.0).reshape(150, 2)
    seen = []

    def double(chunk, fail_at=None):
        if fail_at is not None and len(seen) == fail_at:
            raise Interrupted
        seen.append(len(chunk))
        return 2 * chunk

    with pytest.raises(Interrupted):
        ChunkedWork(tmp_path / "work", {"level": 8}).map("double", lambda chunk: double(chunk, fail_at=2), frames)
    assert seen == [64, 64]
    result = ChunkedWork(tmp_path / "work", {"level": 8}).map("double", double, frames)
    np.testing.assert_array_equal(result, 2 * frames)
    assert seen == [64, 64, 22]
    ChunkedWork(tmp_path / "work", {"level": 9}).map("double", double, frames)
    ChunkedWork(tmp_path / "work", {"level": 8}).map("triple", double, frames)
    ChunkedWork(tmp_path / "work", {"level": 8}).map("double", double, frames + 1)
    assert sum(seen) == 150 * 4
    assert all(path.suffix == ".npz" for path in (tmp_path / "work").iterdir())


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = np.arange(200)
    np.testing.assert_array_equal(ChunkedWork(None, {}).map("negate", np.negative, frames), -frames)
    assert not list(tmp_path.iterdir())
