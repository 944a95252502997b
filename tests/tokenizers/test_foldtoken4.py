"""FoldToken4: the files are checked, residues are accounted for, and the public code gives the same codes by itself.

The network runs with random weights: that shows that every call fits, not that structures are rebuilt. Set
MDLLM_FOLDTOKEN4 to a clone of github.com/A4Bio/FoldToken_open to run the tests that need its code.
"""

import hashlib
import importlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.core.settings import FoldToken4Settings
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.foldtoken4_chains import chain_numbers
from mdllm.tokenizers.foldtoken4_files import FoldToken4Files
from mdllm.tokenizers.foldtoken4_resume import ChunkedWork

torch = pytest.importorskip("torch")
from mdllm.tokenizers import foldtoken4_check  # noqa: E402
from mdllm.tokenizers.foldtoken4 import FoldToken4, central_frame  # noqa: E402
from mdllm.tokenizers.foldtoken4_network import choose_device  # noqa: E402

LEVEL = 5
CONFIG = {
    "levels": [5, 8],
    "vq_space": 8,
    "condition_layer": 3,
    "hidden_dim": 16,
    "enc_layers": 2,
    "dec_layers": 2,
    "k_neighbors": 30,
    "dec_topk": 30,
    "virtual_frame_num": 3,
    "steps_per_epoch": None,
    "model_name": "read by nothing here",
}


# ---- files


@pytest.fixture
def empty_release(tmp_path) -> dict[str, Path]:
    """Files where the user's would be, without any content of theirs."""
    package = tmp_path / "clone" / "foldtoken"
    package.mkdir(parents=True)
    (package / "model_interface.py").write_text("")
    weights = tmp_path / "weights" / "ckpt.pth"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    weights.with_name("config.yaml").write_text(yaml.safe_dump(CONFIG))
    return {"checkout": tmp_path / "clone", "weights": weights, "config": None}


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_absent_is_an_error():
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match=r"tokenizer.device is cuda, but torch finds no CUDA device"):
        choose_device("cuda")


# ---- residues


@pytest.fixture(scope="session")
def atoms(structures) -> np.ndarray:
    """N, CA, C, O (20, 4, 3) of the first model of Trp-cage, nm."""
    return foldtoken4_check.read_structure(structures / "1l2y.pdb", "protein")[0]


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


def test_reference_is_the_frame_nearest_to_the_mean(atoms):
    shift = np.random.default_rng(0).normal(0, 0.02, atoms[:, :3].shape)
    frames = np.stack([atoms[:, :3] + scale * shift for scale in (-2, 1.8, 0.2)]) + 5
    reference = central_frame(frames)
    np.testing.assert_allclose(rmsd(reference[None], frames[2]), 0, atol=1e-6)
    np.testing.assert_allclose(reference.mean((0, 1)), 0, atol=1e-6)


# ---- resuming


class Interrupted(Exception):
    pass


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


# ---- the public code, with random weights


@pytest.fixture(scope="session")
def checkout() -> Path:
    folder = os.environ.get("MDLLM_FOLDTOKEN4")
    if not folder:
        pytest.skip("MDLLM_FOLDTOKEN4 does not name a clone of github.com/A4Bio/FoldToken_open")
    if not (Path(folder) / "foldtoken").is_dir():
        pytest.skip(f"MDLLM_FOLDTOKEN4={folder} is no clone of github.com/A4Bio/FoldToken_open")
    for package in ("torch_geometric", "torch_scatter", "torch_cluster", "pytorch_lightning", "omegaconf", "einops"):
        pytest.importorskip(package, reason=f"the code of FoldToken4 needs {package}, which is not installed")
    return Path(folder)


@pytest.fixture(scope="session")
def upstream(checkout):
    """The network of the checkout with random weights, made as its own scripts make it."""
    sys.path.insert(0, str(checkout / "foldtoken"))
    torch.manual_seed(1)
    network = importlib.import_module("model_interface").MInterface(**CONFIG).eval()
    sys.path.remove(str(checkout / "foldtoken"))
    return network


@pytest.fixture(scope="session")
def release(checkout, upstream, tmp_path_factory) -> dict:
    """The settings of a release with the weights of `upstream`, in the layout of the released checkpoint."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    state = {f"_forward_module.{name}": tensor for name, tensor in upstream.state_dict().items()}
    torch.save(state, folder / "ckpt.pth")
    return {
        "name": "foldtoken4",
        "checkout": str(checkout),
        "weights": str(folder / "ckpt.pth"),
        "level": LEVEL,
        "device": "cpu",
    }


@pytest.fixture(scope="session")
def frames(atoms) -> np.ndarray:
    """Five frames (5, 20, 3, 3) around one structure."""
    noise = np.random.default_rng(2).normal(0, 0.01, (5, *atoms[:, :3].shape))
    return (atoms[:, :3] + noise).astype(np.float32)


def fit(release: dict, frames: np.ndarray, **changes) -> FoldToken4:
    return FoldToken4.fit(frames, FoldToken4Settings(**{**release, **changes}), seed=0)


@pytest.fixture(scope="session")
def tokenizer(release, frames) -> FoldToken4:
    return fit(release, frames)


def protein(structure: Path, device: str = "cpu"):
    """The checkout's own reading of a PDB file."""
    return importlib.import_module("src.chroma.data").Protein(str(structure), device=device)


def test_codes_are_those_of_the_public_code(tokenizer, upstream, structures, tmp_path):
    text = (structures / "1l2y.pdb").read_text().split("ENDMDL")[0]
    (tmp_path / "one_model.pdb").write_text(text)
    atoms, _ = foldtoken4_check.read_structure(tmp_path / "one_model.pdb", "protein")
    with torch.no_grad():
        _, expected, _, _ = upstream.encode_protein(protein(tmp_path / "one_model.pdb"), level=LEVEL)
    codes = tokenizer.network.encode(atoms, tokenizer.chains)
    assert len(np.unique(codes)) > 3
    np.testing.assert_array_equal(codes, expected.numpy())


def test_structures_are_those_of_the_public_decoder(tokenizer, upstream, monkeypatch):
    codes = np.random.default_rng(3).integers(0, 2**LEVEL, 20)
    start = torch.rand(20, 4, 3, generator=torch.Generator().manual_seed(7))
    monkeypatch.setattr(torch, "rand", lambda *size, device=None: start)  # the public code asks for device "cuda"
    with torch.no_grad():
        hidden = upstream.model.vq.embed_id(torch.as_tensor(codes), LEVEL)
        ones = torch.ones(20, dtype=torch.long)
        expected, _ = upstream.model.decoding(hidden, ones, batch_id=0 * ones, returnX=True)
    monkeypatch.undo()
    decoded = tokenizer.network.decode(codes, tokenizer.chains, seed=7)
    np.testing.assert_array_equal(decoded, expected[0].numpy() / np.float32(10))


def test_two_chains_are_told_apart_as_in_the_public_code(release, upstream, structures, tmp_path):
    lines = (structures / "1l2y.pdb").read_text().split("ENDMDL")[0].splitlines()
    second = [line[:21] + "B" + line[22:] if line[:4] == "ATOM" and int(line[22:26]) > 12 else line for line in lines]
    (tmp_path / "two.pdb").write_text("\n".join(second) + "\n")
    atoms, _ = foldtoken4_check.read_structure(tmp_path / "two.pdb", "protein")
    two = fit(release, atoms[None, :, :3], chains=[12, 8])
    with torch.no_grad():
        batch = upstream.batch_proteins([protein(tmp_path / "two.pdb")])
        expected = upstream.encode_only(batch, level=LEVEL)[0].numpy()
    codes = two.network.encode(atoms, two.chains)
    np.testing.assert_array_equal(codes, expected)
    assert (codes != two.network.encode(atoms, np.ones_like(two.chains))).any()


def test_rigid_motions_keep_the_codes(tokenizer, frames):
    codes = tokenizer.encode(frames)
    assert codes.shape == frames.shape[:2]
    assert codes.dtype == np.int32
    turned = frames @ foldtoken4_check.random_rotations(len(frames))[:, None] + 3
    assert (tokenizer.encode(turned.astype(np.float32)) == codes).mean() > 0.98


def test_the_network_alone_depends_on_the_pose(tokenizer, atoms):
    turned = atoms @ foldtoken4_check.random_rotations(1)[0]
    changed = tokenizer.network.encode(turned, tokenizer.chains) != tokenizer.network.encode(atoms, tokenizer.chains)
    assert changed.mean() > 0.05


def test_a_frame_is_coded_whatever_stands_beside_it(tokenizer, frames):
    together = tokenizer.encode(frames)
    np.testing.assert_array_equal(together[::-1], tokenizer.encode(frames[::-1]))
    np.testing.assert_array_equal(together[2:3], tokenizer.encode(frames[2:3]))


def test_the_decoder_is_seeded(tokenizer, frames):
    codes = tokenizer.encode(frames)
    codes = np.concatenate([codes, codes[:1]])
    decoded = tokenizer.decode(codes)
    assert decoded.shape == (6, 20, 3, 3)
    assert np.isfinite(decoded).all()
    np.testing.assert_array_equal(decoded[5], decoded[0])
    np.testing.assert_array_equal(decoded[2:4], tokenizer.decode(codes[2:4]))
    drawn = tokenizer.decode(codes, np.random.default_rng(5))
    np.testing.assert_array_equal(drawn, tokenizer.decode(codes, np.random.default_rng(5)))
    assert rmsd(drawn[5:], drawn[0])[0] > 0


def test_decoded_frames_lie_on_the_reference(tokenizer, frames):
    decoded = tokenizer.decode(tokenizer.encode(frames))
    here = np.sqrt(((decoded - tokenizer.reference) ** 2).sum(-1).mean((1, 2)))
    np.testing.assert_allclose(here, rmsd(decoded.astype(np.float64), tokenizer.reference), rtol=1e-5)


def test_the_global_generator_is_left_alone(tokenizer, frames):
    before = torch.get_rng_state()
    tokenizer.decode(tokenizer.encode(frames[:1]))
    assert torch.equal(torch.get_rng_state(), before)


def test_saved_and_loaded_it_is_the_same(tokenizer, frames, tmp_path):
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    codes = tokenizer.encode(frames)
    assert loaded.codebook_size == 2**LEVEL
    np.testing.assert_array_equal(loaded.encode(frames), codes)
    np.testing.assert_array_equal(loaded.decode(codes), tokenizer.decode(codes))


def test_other_weights_are_refused_after_the_fit(release, frames, tmp_path):
    weights = tmp_path / "ckpt.pth"
    weights.write_bytes(Path(release["weights"]).read_bytes())
    changes = {"weights": str(weights), "config": str(Path(release["weights"]).with_name("config.yaml"))}
    fit(release, frames, **changes).save(tmp_path / "tokenizer")
    state = torch.load(weights)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, weights)
    with pytest.raises(InputError, match=r"ckpt.pth changed after the tokenizer was fitted"):
        load_tokenizer(tmp_path / "tokenizer")


def test_a_second_checkout_in_one_process_is_refused(release, tokenizer, frames, checkout, tmp_path):
    shutil.copytree(checkout / "foldtoken", tmp_path / "foldtoken", ignore=shutil.ignore_patterns("images"))
    with pytest.raises(InputError, match=r"modules of FoldToken4 were taken from .* another checkout is loaded"):
        fit(release, frames, checkout=str(tmp_path))


def test_weights_of_another_network_are_refused(release, frames, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({**CONFIG, "enc_layers": 3}))
    with pytest.raises(InputError, match=r"does not fit .*: \d+ weights are missing \(model.encoder"):
        fit(release, frames, config=str(config))


def test_a_file_that_holds_no_tensors_is_refused(release, frames, tmp_path):
    weights = tmp_path / "ckpt.pth"
    weights.write_text("<html>Not found</html>")
    with pytest.raises(InputError, match=r"ckpt.pth is no file of tensors"):
        fit(release, frames, weights=str(weights), config=str(Path(release["weights"]).with_name("config.yaml")))


def test_coordinates_that_are_not_finite_name_frame_and_residue(tokenizer, frames):
    broken = frames.copy()
    broken[3, 11, 2] = np.nan
    with pytest.raises(InputError, match=r"not finite: frame 4 residue 12 \(1 residues"):
        tokenizer.encode(broken)


def test_features_that_are_not_finite_are_no_random_codes(release, frames, tmp_path):
    weights = tmp_path / "ckpt.pth"
    state = torch.load(release["weights"])
    state["_forward_module.model.vq.proj.bias"][:] = np.nan
    torch.save(state, weights)
    damaged = fit(release, frames, weights=str(weights), config=str(Path(release["weights"]).with_name("config.yaml")))
    with pytest.raises(InputError, match=r"no finite features for residues 1, 2, .*\(20 in all\): .* damaged"):
        damaged.encode(frames)


def test_codes_of_another_tokenizer_are_refused(tokenizer):
    for codes in (np.zeros((1, 21), int), np.full((1, 20), 2**LEVEL), np.full((1, 20), -1)):
        with pytest.raises(InputError, match="come from another tokenizer"):
            tokenizer.decode(codes)


def test_an_interrupted_encoding_continues(release, frames, tmp_path, monkeypatch):
    many = np.tile(frames, (14, 1, 1, 1)) + np.arange(70, dtype=np.float32)[:, None, None, None]
    expected = fit(release, frames).encode(many)
    first = fit(release, frames, resume_folder=str(tmp_path))
    whole, calls = first.network.encode, []

    def interrupted(atoms, chains):
        if len(calls) == 66:
            raise Interrupted
        calls.append(1)
        return whole(atoms, chains)

    monkeypatch.setattr(first.network, "encode", interrupted)
    with pytest.raises(Interrupted):
        first.encode(many)
    second = fit(release, frames, resume_folder=str(tmp_path))
    whole, calls = second.network.encode, []
    monkeypatch.setattr(second.network, "encode", lambda *arguments: calls.append(1) or whole(*arguments))
    np.testing.assert_array_equal(second.encode(many), expected)
    assert len(calls) == 6


# ---- the command


def options(release: dict, structure: Path, *more: str) -> list[str]:
    given = {key: release[key] for key in ("checkout", "weights", "level", "device") if key in release}
    flags = [text for key, value in given.items() for text in (f"--{key}", str(value))]
    return [*flags, "--structure", str(structure), "--seeds", "2", *more]


def without(structure: Path, target: Path, residue: int, atom: str | None = None) -> Path:
    """A copy of the first model without one atom of a residue, or without the whole residue."""

    def kept(line: str) -> bool:
        return line[:4] != "ATOM" or int(line[22:26]) != residue or atom not in (None, line[12:16].strip())

    lines = structure.read_text().split("ENDMDL")[0].splitlines()
    target.write_text("\n".join(filter(kept, lines)) + "\n")
    return target


def test_the_command_prints_a_table(release, structures, capsys):
    assert foldtoken4_check.main(options(release, structures / "1l2y.pdb", "--largest-rmsd-nm", "100")) == 0
    out, err = capsys.readouterr()
    assert not err
    for row in ("20, one code each", "RMSD of encode->decode", "after superposition", "decoder seeds", "works"):
        assert row in out


def test_the_command_finds_an_untrained_network(release, structures, capsys):
    assert foldtoken4_check.main(options(release, structures / "1l2y.pdb", "--largest-rmsd-nm", "0.05")) == 1
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
    assert foldtoken4_check.main(options(empty_release, structures / "1l2y.pdb", *more)) == 1
    out, err = capsys.readouterr()
    assert message in err
    assert not out


def test_the_command_names_a_gap(empty_release, structures, tmp_path, capsys):
    gapped = without(structures / "1l2y.pdb", tmp_path / "gap.pdb", 9)
    assert foldtoken4_check.main(options(empty_release, gapped)) == 1
    assert "between LYS 8 and GLY 10" in capsys.readouterr().err


def test_a_residue_that_the_public_code_drops_is_named(release, structures, tmp_path, capsys):
    lacking = without(structures / "1l2y.pdb", tmp_path / "lacking.pdb", 9, "C")
    _, chains, _ = protein(lacking).to_XCS()
    assert (chains > 0).sum() == 19
    assert foldtoken4_check.main(options(release, lacking)) == 1
    assert "lack backbone atoms: ASP 9 (C)" in capsys.readouterr().err
