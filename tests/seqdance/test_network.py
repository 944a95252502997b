"""Shapes, sizes and symmetry of the networks, and their output functions."""

import pytest
import torch
from transformers import EsmForMaskedLM, EsmModel

from mdllm.core.errors import InputError
from mdllm.seqdance.families import PAIR, PAIR_FAMILIES, RESIDUE, RESIDUE_FAMILIES
from mdllm.seqdance.network import encoder_config, esmdance, seqdance
from mdllm.seqdance.settings import SeqDanceNetworkSettings
from mdllm.seqdance.tokens import chains_of, encode, is_residue

SMALL = {"layers": 2, "heads": 4, "width": 32, "feed_forward": 64, "dropout": 0.1}


def small(**changes):
    torch.manual_seed(0)
    return seqdance(SeqDanceNetworkSettings(**{**SMALL, **changes})).eval()


def tokens(*sequences: str) -> torch.Tensor:
    rows = [torch.from_numpy(encode(chains_of(sequence))) for sequence in sequences]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)


def test_the_full_size_is_that_of_the_paper():
    network = seqdance(SeqDanceNetworkSettings())
    heads = [*network.residue_head.parameters(), *network.pair_head.parameters()]
    assert sum(value.numel() for value in heads) == 1_186_383
    assert round(network.encoder.num_parameters() / 1e6, 2) == 33.27


def test_families_cover_all_properties_in_order():
    for families, names in ((RESIDUE_FAMILIES, RESIDUE), (PAIR_FAMILIES, PAIR)):
        places = [place for family in families for place in range(len(names))[family.part]]
        assert places == list(range(len(names)))
    assert (len(RESIDUE), len(PAIR)) == (50, 13)


def test_output_functions_of_each_family():
    found = small()(tokens("ACDEFGHIKL"))
    residue, pair = found.residue[0], found.pair[0]
    for part in (slice(3, 11), slice(11, 23), slice(23, 35), slice(35, 47)):
        torch.testing.assert_close(residue[:, part].sum(-1), torch.ones(12))
    assert (residue >= 0).all()
    assert (residue[:, 2] <= 1).all()
    assert (pair[..., :9] >= 0).all()
    assert (pair[..., 9:].abs() <= 1).all()
    assert (pair[..., 9:] < 0).any()


def test_a_pair_is_what_the_paper_says():
    network = small(symmetric=False)
    ids = tokens("ACDEFGH")
    found = network(ids)
    head = network.pair_head
    queries, keys = head.queries_keys(found.embedding[0]).chunk(2, -1)
    i, j = 2, 5
    features = torch.cat([queries[j] * keys[i], queries[j] - keys[i]])
    hidden = torch.nn.functional.gelu(head.hidden(features))
    logits = head.out(torch.cat([hidden, found.attention[0, i, j]]))
    expected = torch.cat([torch.nn.functional.softplus(logits[:9]), 2 * torch.sigmoid(logits[9:]) - 1])
    torch.testing.assert_close(found.pair[0, i, j], expected, atol=1e-5, rtol=1e-5)


def test_maps_are_symmetric_unless_asked_otherwise():
    ids = tokens("ACDEFGHIKL")
    pair = small().forward(ids).pair
    torch.testing.assert_close(pair, pair.transpose(1, 2))
    directed = small(symmetric=False)(ids).pair
    assert (directed - directed.transpose(1, 2)).abs().max() > 1e-3


def test_attention_maps_are_those_of_all_heads_in_order():
    network = small()
    found = network(tokens("ACDEFGHIKL"))
    torch.testing.assert_close(found.attention.sum(2), torch.ones(1, 12, 8))  # over the tokens attended to
    layers = network.encoder(tokens("ACDEFGHIKL"), output_attentions=True).attentions
    torch.testing.assert_close(found.attention[0, :, :, 5], layers[1][0, 1])


def test_padding_changes_nothing():
    network = small()
    together, alone = network(tokens("ACDEF", "ACDEFGHIKLMN")), network(tokens("ACDEF"))
    torch.testing.assert_close(together.residue[0, :7], alone.residue[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.pair[0, :7, :7], alone.pair[0], atol=1e-5, rtol=1e-4)


def test_weights_begin_as_in_the_paper():
    network = seqdance(SeqDanceNetworkSettings(layers=1)).requires_grad_(False)
    attention = network.encoder.encoder.layer[0].attention.self
    wide, narrow = network.encoder.encoder.layer[0].attention.output.dense.weight, attention.query.weight
    assert wide.abs().max() == pytest.approx((6 / 960) ** 0.5, rel=1e-3)
    assert narrow.abs().max() == pytest.approx((6 / 960 / 2) ** 0.5, rel=1e-3)


def test_esmdance_trains_its_heads_alone():
    torch.manual_seed(1)
    base = EsmForMaskedLM(encoder_config(SeqDanceNetworkSettings(**SMALL))).esm
    assert isinstance(base, EsmModel)
    network = esmdance(base, dropout=0.1, symmetric=True).train()
    assert not network.encoder.training
    assert network.residue_head.training
    found = network(tokens("ACDEFGHIKL"))
    (found.residue.sum() + found.pair.sum()).backward()
    with_gradient = {name.split(".")[0] for name, value in network.named_parameters() if value.grad is not None}
    assert with_gradient == {"residue_head", "pair_head"}
    base.eval()
    torch.testing.assert_close(found.embedding, base(tokens("ACDEFGHIKL")).last_hidden_state)


def test_tokens_of_a_complex_and_of_what_is_none():
    ids = encode(chains_of("mka:GX"))
    assert ids.tolist() == [0, 20, 15, 5, 2, 0, 6, 24, 2]
    assert is_residue(ids).tolist() == [False, True, True, True, False, False, True, True, False]
    with pytest.raises(InputError, match="hit 1: 'J' at position 3 is no residue"):
        chains_of("MKJ", "hit 1")
    with pytest.raises(InputError, match="'1' at position 4"):
        chains_of("MK:1")
    with pytest.raises(InputError, match="chain 2 is empty"):
        chains_of("MK:")


def test_a_new_network_may_begin_at_the_means():
    residue, pair = torch.full((50,), 1 / 12), torch.linspace(0.05, 0.9, 13)
    residue[:3], residue[3:11], residue[47:] = torch.tensor([0.7, 0.2, 0.3]), 1 / 8, torch.nan
    network = small()
    for layer in (network.residue_head[-1], network.pair_head.out):
        torch.nn.init.zeros_(layer.weight)
    network.start_at(residue, pair)
    found = network(tokens("ACDEF"))
    torch.testing.assert_close(found.residue[0, 2, :47], residue[:47])
    torch.testing.assert_close(found.pair[0, 2, 3], pair)
    assert found.residue.isfinite().all()
