"""Frames as numbers in a text, the form of MD-LLM-1 (arXiv 2508.03709), for tokenizers that split digits.

Axes: F frames, L residues, K codebook size, T tokens, W windows. A code is one token per decimal digit and one token
for the space or line break after it, so that a frame is not a fixed number of tokens.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mdllm.core.errors import InputError
from mdllm.core.records import read_json
from mdllm.language.text.grammar import END, Grammar
from mdllm.language.text.prompt import frame_line, instruction


@dataclass(frozen=True)
class SpelledFrame:
    """One frame, token by token.

    Attributes:
        symbols: (T,) symbols of the grammar.
        states: (T,) state of the grammar before each symbol.
        ends: (T,) token id that would end the code at hand: the separator, or the line break for the last code.
    """

    symbols: np.ndarray
    states: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class TextLanguage:
    """Token ids of everything that a window of text holds.

    Attributes:
        residues: L.
        codebook_size: K.
        prompt: (P,) token ids of the instruction, with the tokenizer's first token.
        digits: (10,) token ids of the digits 0-9.
        separator: token id of the space between two codes.
        line_break: token id at the end of a frame.
        size: number of token ids of the model, these and all others.
    """

    residues: int
    codebook_size: int
    prompt: np.ndarray
    digits: np.ndarray
    separator: int
    line_break: int
    size: int

    @classmethod
    def of_tokenizer(cls, tokenizer, residues: int, codebook_size: int) -> "TextLanguage":
        """Read the ids off a tokenizer of transformers, and check that it writes frames as this class does.

        Raises:
            InputError: the tokenizer does not give every digit, space and line break a token of its own.
        """

        def ids(text: str) -> list[int]:
            return tokenizer(text, add_special_tokens=False).input_ids

        before = "0\n"  # a text's first token may differ from those within
        found = {symbol: ids(before + symbol)[len(ids(before)) :] for symbol in [*"0123456789", " 0", "\n"]}
        first = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        language = cls(
            residues=residues,
            codebook_size=codebook_size,
            prompt=np.array(first + ids(instruction(residues, codebook_size))),
            digits=np.array([found[digit][0] for digit in "0123456789"]),
            separator=found[" 0"][0],
            line_break=found["\n"][0],
            size=len(tokenizer),
        )
        largest_first = np.resize(np.arange(codebook_size)[::-1], residues)
        frames = np.stack([largest_first, largest_first[::-1]])
        text = instruction(residues, codebook_size) + "".join(map(frame_line, frames))
        if first + ids(text) != language.window(frames)[0].tolist():
            raise InputError(
                f"language.form: text needs a tokenizer with one token for each digit, space and line break, but that "
                f"of the base writes {frame_line(frames[0, :4])!r} as "
                f"{tokenizer.convert_ids_to_tokens(ids(frame_line(frames[0, :4])))}; choose the form codes, or a base "
                "such as Mistral"
            )
        return language

    @cached_property
    def grammar(self) -> Grammar:
        """What may follow what within a frame."""
        return Grammar.below(self.codebook_size)

    @cached_property
    def _spelled_codes(self) -> list[tuple[list[int], list[int]]]:
        return [self.grammar.spell(code) for code in range(self.codebook_size)]

    @property
    def longest_code(self) -> int:
        """Tokens of the longest code, its end included."""
        return len(str(self.codebook_size - 1)) + 1

    def end_of(self, residue: int) -> int:
        """Token id that ends the code of a residue."""
        return self.line_break if residue == self.residues - 1 else self.separator

    def spell(self, codes: np.ndarray) -> SpelledFrame:
        """The frame `codes` (L,) symbol by symbol."""
        spelled = [self._spelled_codes[code] for code in codes]
        lengths = [len(symbols) for symbols, _ in spelled]
        ends = [self.end_of(residue) for residue in range(self.residues)]
        return SpelledFrame(
            symbols=np.concatenate([symbols for symbols, _ in spelled]),
            states=np.concatenate([states for _, states in spelled]),
            ends=np.repeat(ends, lengths),
        )

    def encode_frame(self, codes: np.ndarray) -> np.ndarray:
        """Token ids (T,) of one frame (L,)."""
        frame = self.spell(codes)
        return np.where(frame.symbols == END, frame.ends, np.append(self.digits, 0)[frame.symbols])

    def window(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids (T,) of successive frames (n, L), and each token's frame (T,); -1 in the instruction."""
        parts = [self.prompt, *(self.encode_frame(codes) for codes in frames)]
        return np.concatenate(parts), np.repeat(np.arange(-1, len(frames)), [len(part) for part in parts])

    def window_lengths(self, codes: np.ndarray, starts: np.ndarray, frames: int) -> np.ndarray:
        """Tokens (W,) of the windows of `frames` frames of `codes` (F, L) at `starts` (W,), instruction included."""
        of_code = np.array([len(symbols) for symbols, _ in self._spelled_codes])
        before = np.concatenate([[0], of_code[codes].sum(-1).cumsum()])
        return len(self.prompt) + before[starts + frames] - before[starts]

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Codes (n, L) of the token ids (T,) of whole frames.

        Raises:
            ValueError: the tokens are no well-formed frames.
        """
        digit = {token: value for value, token in enumerate(self.digits.tolist())}
        codes, state = [], 0
        for position, token in enumerate(tokens.tolist()):
            end = self.end_of(len(codes) % self.residues)
            symbol = END if token == end else digit.get(token)
            if symbol is None or not self.grammar.allowed[state, symbol]:
                raise ValueError(f"token {token} at {position} is out of place in code {len(codes)}")
            if symbol == END:
                codes.append(state - 1)
            state = self.grammar.following[state, symbol]
        if state or len(codes) % self.residues:
            raise ValueError(f"the text ends within a frame, after {len(codes)} codes of {self.residues} residues")
        return np.array(codes, dtype=int).reshape(-1, self.residues)

    def save(self, path: Path) -> None:
        """Write all ids as JSON."""
        values = {**self.__dict__, "prompt": self.prompt.tolist(), "digits": self.digits.tolist()}
        path.write_text(json.dumps({key: values[key] for key in self.__dataclass_fields__}) + "\n")

    @classmethod
    def load(cls, path: Path) -> "TextLanguage":
        """The language that `save` wrote."""
        values = read_json(path)
        return cls(**{**values, "prompt": np.array(values["prompt"]), "digits": np.array(values["digits"])})
