"""Text with Mistral's own tokenizer: the tokens are the tokenizer's, the counts those of the paper's limit."""

import re

import numpy as np
import pytest

from mdllm.config.settings.stages import LanguageSettings
from mdllm.core.errors import InputError
from mdllm.language.code_tokens import code_vocabulary, reserved_ids
from mdllm.language.forms import load_language
from mdllm.language.series import CodeSeries
from mdllm.language.text.language import TextLanguage
from mdllm.language.text.prompt import frame_line, instruction
from mdllm.language.windows import IGNORED, Windows
from models import base_model

N = LanguageSettings().context_frames


@pytest.fixture(scope="module")
def tokenizer(cache):
    return base_model.read_tokenizer(cache)


@pytest.fixture(scope="module")
def text(tokenizer):
    return TextLanguage.of_tokenizer(tokenizer, 4, 256)


FRAMES = np.array([[0, 7, 10, 255], [199, 200, 99, 1]])


def test_a_window_reads_as_it_should(tokenizer, text):
    tokens, frame = text.window(FRAMES)
    assert tokenizer.decode(tokens[frame >= 0]) == "0 7 10 255\n199 200 99 1\n"
    written = instruction(4, 256) + "".join(map(frame_line, FRAMES))
    assert tokens.tolist() == [tokenizer.bos_token_id, *tokenizer(written, add_special_tokens=False).input_ids]
    assert "protein of 4 residues" in written
    assert "from 0 to 255" in written


def test_decode_inverts_every_code(text):
    codes = np.arange(256).reshape(-1, 4)
    tokens, frame = text.window(codes)
    assert (text.decode(tokens[frame >= 0]) == codes).all()


@pytest.mark.parametrize(
    "line", ["1 2 3\n", "1 2 3 4 5\n", "1 2 3 256\n", "01 2 3 4\n", "1  2 3 4\n", "1 2 3 4", "1 2 3 a\n", "\n"]
)
def test_decode_refuses_what_is_no_frame(tokenizer, text, line):
    before = len(tokenizer("0\n", add_special_tokens=False).input_ids)
    with pytest.raises(ValueError, match=r"out of place|ends within a frame"):
        text.decode(np.array(tokenizer("0\n" + line, add_special_tokens=False).input_ids[before:]))


def test_token_counts_of_t4_lysozyme(tokenizer):
    """Windows of 11 frames x 164 residues with random codes below 256 take about 6430 tokens beside the instruction."""
    language = TextLanguage.of_tokenizer(tokenizer, 164, 256)
    codes = np.random.default_rng(0).integers(0, 256, (400, 164))
    lengths = language.window_lengths(codes, np.arange(389), 11)
    assert lengths[7] == len(language.window(codes[7:18])[0])
    assert (lengths - len(language.prompt)).mean() == pytest.approx(6440, abs=15)
    assert lengths.max() < 9000


@pytest.mark.parametrize("loss", ["all", "last"])
def test_labels_equal_the_ids_wherever_the_loss_counts(text, loss):
    codes = np.random.default_rng(1).integers(0, 256, (20, 4))
    for window in Windows(codes, text, N, np.arange(10), loss, False):
        counted = window["labels"] != IGNORED
        assert (window["labels"][counted] == window["input_ids"][counted]).all()
        frames = text.decode(window["labels"][counted])
        assert len(frames) == (N + 1 if loss == "all" else 1)
        assert counted[-1]
        assert not counted[: len(text.prompt)].any()


def test_file_keeps_the_language(text, tmp_path):
    text.save(tmp_path / "vocabulary.json")
    loaded = load_language(tmp_path / "vocabulary.json")
    assert (loaded.window(FRAMES)[0] == text.window(FRAMES)[0]).all()
    assert (loaded.size, loaded.residues, loaded.codebook_size) == (32768, 4, 256)


class ThreeDigits:
    """A tokenizer that joins up to three digits, as some do."""

    bos_token_id = None

    def __call__(self, text, add_special_tokens):
        pieces = re.findall(r"\d{1,3}|\D", text)
        return type("Encoding", (), {"input_ids": [sum(map(ord, piece)) for piece in pieces]})

    def convert_ids_to_tokens(self, ids):
        return list(map(str, ids))

    def __len__(self):
        return 1000


def test_a_tokenizer_that_joins_digits_is_refused():
    with pytest.raises(InputError, match=r"language\.form: text needs a tokenizer with one token for each digit"):
        TextLanguage.of_tokenizer(ThreeDigits(), 4, 256)


def test_codes_take_reserved_ids_where_they_suffice(tokenizer):
    reserved = reserved_ids(tokenizer)
    assert reserved.tolist() == list(range(14, 751))
    assert tokenizer.convert_ids_to_tokens([14, 750]) == ["[control_12]", "[control_748]"]
    vocabulary = code_vocabulary(tokenizer, 32768, 164, 256)
    assert vocabulary.ids.shape == (164, 256)
    assert (vocabulary.ids == np.arange(14, 270)).all()
    assert vocabulary.size == 32768


def test_codes_beyond_the_reserved_ids_get_new_ones(tokenizer):
    vocabulary = code_vocabulary(tokenizer, 32768, 2, 1024)
    assert vocabulary.ids[1].tolist() == list(range(32768, 32768 + 1024))
    assert vocabulary.size == 32768 + 1024


def test_a_frame_of_codes_is_one_token_per_residue(tokenizer):
    vocabulary = code_vocabulary(tokenizer, 32768, 164, 256)
    series = CodeSeries(np.zeros((11, 164), int), np.arange(11), np.zeros(11, int), 256)
    assert vocabulary.window_lengths(series.codes, np.array([0]), 11).tolist() == [1804]
    assert len(vocabulary.window(series.codes)[0]) == 1804
