"""The loss against numbers worked out by hand, and its gradient where nothing is wrong."""

import math

import pytest
import torch

from mdllm.seqdance.loss import errors, protein_losses, weights
from mdllm.seqdance.settings import LossSettings

NAN = float("nan")


def test_errors_by_hand():
    predicted = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [9.0, 9.0]], [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.0, 2.0], [1.0, NAN], [NAN, NAN]], [[NAN, 0.0], [NAN, 3.0], [NAN, 0.0]]])
    found = errors(predicted, target, 0.0)
    assert found[0].tolist() == pytest.approx([math.sqrt((1 + 4) / 2), 0.0])
    assert math.isnan(found[1, 0])
    assert found[1, 1].item() == pytest.approx(math.sqrt(9 / 3))
    pairs = torch.arange(4.0).reshape(1, 2, 2, 1)  # a map: 0, 1, 2, 3 against zeros
    assert errors(pairs, torch.zeros(1, 2, 2, 1), 0.0).item() == pytest.approx(math.sqrt(14 / 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_gradient_is_finite_where_an_error_is_exactly_zero(dtype):
    target = torch.tensor([[[0.5], [0.25]]])
    for epsilon, finite in ((1e-8, True), (0.0, False)):  # 0: as in the paper
        predicted = target.to(dtype).requires_grad_()
        errors(predicted, target, epsilon).sum().backward()
        assert predicted.grad.isfinite().all() == finite
    # An error whose square is zero in half precision still has its direction.
    predicted = torch.full((1, 2, 1), 2**-13, dtype=dtype, requires_grad=True)
    errors(predicted, torch.zeros(1, 2, 1), 1e-8).sum().backward()
    assert (predicted.grad > 0.3).all()


def test_a_protein_without_a_target_has_a_finite_gradient():
    predicted = torch.zeros(1, 2, 1, requires_grad=True)
    errors(predicted, torch.full((1, 2, 1), NAN), 0.0).nan_to_num().sum().backward()
    assert predicted.grad.tolist() == [[[0.0], [0.0]]]


def spread(**values: float) -> torch.Tensor:
    """(1, 63), NaN but for properties by place, `r0` of residues and `p0` of pairs."""
    row = torch.full((1, 63), NAN)
    for name, value in values.items():
        row[0, int(name[1:]) + (50 if name[0] == "p" else 0)] = value
    return row


def test_weights_by_hand():
    # SASA (two columns), RMSF, one of nine contacts, correlation: pairs 3 : 1, SASA : RMSF 1 : 1, contacts 3 : 1.
    given = spread(r0=2.0, r1=1.0, r2=0.5, p0=0.1, p9=0.2)
    found = weights(given, LossSettings())[0]
    expected = {0: 1 / 16 / 2, 1: 1 / 16 / 1, 2: 1 / 8 / 0.5, 50: 9 / 16 / 0.1, 59: 3 / 16 / 0.2}
    for place, value in expected.items():
        assert found[place].item() == pytest.approx(value, rel=1e-6)
    assert found.count_nonzero() == 5
    # Who predicts the mean has the loss 1.
    assert protein_losses(given, found[None]).item() == pytest.approx(1.0)
    alike = weights(given, LossSettings(pair_share=1.0, contact_share=1.0))[0]
    assert alike[50].item() == pytest.approx(1 / 4 / 0.1)


def test_torsions_are_one_class_and_normal_modes_alone_are_a_group():
    angles = weights(spread(r2=1.0, r11=1.0, r23=1.0, r35=1.0), LossSettings())[0]
    assert angles[2].item() == pytest.approx(1 / 2)
    assert angles[23].item() == pytest.approx(1 / 6)
    modes = weights(spread(r47=1.0, r48=2.0, p10=0.5), LossSettings())[0]
    assert [modes[i].item() for i in (47, 48, 60)] == pytest.approx([1 / 8, 1 / 16, 3 / 4 / 0.5])
    constant = weights(spread(r0=1.0, r1=0.0), LossSettings())[0]
    assert (constant[0].item(), constant[1].item()) == (1.0, 0.0)
    assert weights(spread(), LossSettings()).count_nonzero() == 0
