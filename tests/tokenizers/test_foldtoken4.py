"""FoldToken4 with random weights: the same codes and structures as the public code gives by itself."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from foldtoken4_release import CONFIG, LEVEL, Interrupted, fit, protein
from mdllm.core.errors import InputError
from mdllm.core.geometry import rmsd
from mdllm.tokenizers.base import load_tokenizer
from mdllm.tokenizers.foldtoken4 import check as foldtoken4_check
from mdllm.tokenizers.foldtoken4.network import choose_device
from mdllm.tokenizers.foldtoken4.tokenizer import central_frame


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_absent_is_an_error():
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match=r"tokenizer.device is cuda, but torch finds no CUDA device"):
        choose_device("cuda")


def test_reference_is_the_frame_nearest_to_the_mean(atoms):
    shift = np.random.default_rng(0).normal(0, 0.02, atoms[:, :3].shape)
    frames = np.stack([atoms[:, :3] + scale * shift for scale in (-2, 1.8, 0.2)]) + 5
    reference = central_frame(frames)
    np.testing.assert_allclose(rmsd(reference[None], frames[2]), 0, atol=1e-6)
    np.testing.assert_allclose(reference.mean((0, 1)), 0, atol=1e-6)


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
