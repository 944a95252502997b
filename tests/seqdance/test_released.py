"""Weights of others: names of their parameters do not matter, shapes and modules do."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import EsmForMaskedLM

from mdllm.core.errors import InputError
from mdllm.core.records import sha256
from mdllm.seqdance.network import encoder_config, seqdance
from mdllm.seqdance.released import esm2, esm2_masked, released_network
from mdllm.seqdance.settings import SeqDanceNetworkSettings

pytestmark = pytest.mark.slow

TOKENS = torch.tensor([[0, 5, 6, 7, 8, 9, 2]])


@pytest.fixture(scope="module")
def network():
    """The size of the released models, with random weights."""
    torch.manual_seed(0)
    return seqdance(SeqDanceNetworkSettings(symmetric=False)).eval()


@pytest.fixture(scope="module")
def small_esm(tmp_path_factory):
    """A folder as that of an ESM2 of the hub, and the model in it."""
    torch.manual_seed(0)
    config = encoder_config(SeqDanceNetworkSettings(layers=2, heads=4, width=32, feed_forward=64, dropout=0.0))
    folder = tmp_path_factory.mktemp("esm2")
    model = EsmForMaskedLM(config).eval()
    model.save_pretrained(folder)
    return folder, model


def renamed(network, scheme: str) -> dict[str, torch.Tensor]:
    """The parameters under other names."""
    found = {}
    for name, value in network.state_dict().items():
        if scheme == "flat":
            name = name.replace("encoder.", "esm2.", 1) if name.startswith("encoder.") else name
            name = name.replace("residue_head", "res_pred.dense").replace("pair_head.queries_keys", "pair.qk")
            name = name.replace("pair_head.hidden", "pair.linear").replace("pair_head.out", "pair.regression")
        else:
            name = f"model.{name}".replace("residue_head.0", "head.first.lin").replace(
                "residue_head.2", "head.first.ln"
            )
            name = name.replace("residue_head.4", "head.first.output").replace(
                "pair_head.queries_keys", "head.second.qk"
            )
            name = name.replace("pair_head.hidden", "head.second.a").replace("pair_head.out", "head.second.b")
        found[name] = value.contiguous()
    return found


@pytest.mark.parametrize("scheme", ["flat", "nested"])
def test_names_are_mapped(network, tmp_path, scheme):
    save_file(renamed(network, scheme), tmp_path / "model.safetensors")
    found, own = released_network(str(tmp_path))(TOKENS), network(TOKENS)
    torch.testing.assert_close(found.residue, own.residue)
    torch.testing.assert_close(found.pair, own.pair)
    assert (found.pair - found.pair.transpose(1, 2)).abs().max() > 1e-3


def test_a_wrong_file_is_named(network, tmp_path):
    weights = renamed(network, "flat")
    file = tmp_path / "model.safetensors"
    save_file({name: value for name, value in weights.items() if not name.startswith("res_pred.dense.4")}, file)
    with pytest.raises(InputError, match=r"0 modules could be residue_head\.4 of the heads"):
        released_network(str(file))
    (tmp_path / "model.safetensors.sha256").unlink()
    save_file({name: value for name, value in weights.items() if "layer.3.intermediate" not in name}, file)
    with pytest.raises(InputError, match="does not hold the parameters of SeqDance or ESMDance"):
        released_network(str(file))
    with pytest.raises(InputError, match=f"SHA-256 is {sha256(file)}, but the config file says {'0' * 64}"):
        released_network(str(file), "0" * 64)
    with pytest.raises(InputError, match="has no effect"):
        released_network(str(file), encoder="x")


def test_heads_alone_need_their_encoder(network, tmp_path):
    heads = {name: value for name, value in renamed(network, "flat").items() if not name.startswith("esm2.")}
    save_file(heads, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="holds no encoder; say where the ESM2 is"):
        released_network(str(tmp_path))
    torch.manual_seed(5)
    base = EsmForMaskedLM(encoder_config(SeqDanceNetworkSettings(dropout=0.0)))
    base.save_pretrained(tmp_path / "esm2")
    found = released_network(str(tmp_path), encoder=str(tmp_path / "esm2"))
    torch.testing.assert_close(
        found.encoder.embeddings.word_embeddings.weight, base.esm.embeddings.word_embeddings.weight
    )
    torch.testing.assert_close(found.residue_head[4].weight, network.residue_head[4].weight)


def test_esm2_comes_from_a_folder(small_esm):
    folder, model = small_esm
    torch.testing.assert_close(esm2(str(folder))(TOKENS).last_hidden_state, model.esm(TOKENS).last_hidden_state)
    torch.testing.assert_close(esm2_masked(str(folder))(TOKENS).logits, model(TOKENS).logits)


def test_without_a_network_it_is_said_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="hf download ChaoHou/SeqDance --local-dir external/SeqDance`, copy"):
        released_network("ChaoHou/SeqDance")
    with pytest.raises(InputError, match="holds 0 files"):
        released_network(str(tmp_path))
    (tmp_path / "model.safetensors").write_text("no")
    with pytest.raises(InputError, match="no safetensors file that can be read"):
        released_network(str(tmp_path))
    with pytest.raises(InputError, match=r"lacks config\.json"):
        esm2(str(tmp_path))
