"""The user's copy of FoldToken4: where its files lie, what the configuration says, and whether they are the right ones.

FoldToken4 (github.com/A4Bio/FoldToken_open, Apache-2.0) is a checkout of its code, and `config.yaml` and weights from
record 13901445 of Zenodo. Nothing here imports any of it, so that a wrong path is found in a second.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from mdllm.config.reading import read_yaml, validate
from mdllm.core.errors import InputError
from mdllm.core.records import digest, sha256

_SOURCE = "github.com/A4Bio/FoldToken_open"
_RECORD = "https://zenodo.org/records/13901445"
_CHECKSUM = re.compile(r"(md5):([0-9a-f]{32})|(sha256):([0-9a-f]{64})")


class NetworkConfig(BaseModel):
    """The part of FoldToken4's config.yaml that shapes the network; the rest is handed on unread."""

    model_config = ConfigDict(extra="allow", frozen=True)

    levels: list[PositiveInt] = Field(min_length=1, description="trained levels: 2^level codes each")
    vq_space: PositiveInt = Field(description="highest level")
    condition_layer: PositiveInt
    hidden_dim: PositiveInt
    enc_layers: PositiveInt
    dec_layers: PositiveInt
    dec_topk: PositiveInt = Field(description="neighbours per residue in the decoder")
    virtual_frame_num: int = Field(ge=0)
    k_neighbors: int | None
    steps_per_epoch: float | None


@dataclass(frozen=True)
class FoldToken4Files:
    """Paths of a complete set-up, with a checksum of each part."""

    package: Path  # the folder `foldtoken` of the checkout
    weights: Path
    config: Path
    network: NetworkConfig
    checksums: dict[str, str]  # SHA-256 of weights and config, digest of checkout

    @classmethod
    def find(
        cls, checkout: Path, weights: Path, config: Path | None, level: int, checksum: str | None = None
    ) -> "FoldToken4Files":
        """Check every file and the level.

        Args:
            checkout: folder of the clone, which holds `foldtoken/`.
            weights: the checkpoint, usually `ckpt.pth`.
            config: its configuration; None: `config.yaml` beside the weights.
            level: 2^level codes.
            checksum: "md5:..." as Zenodo prints it, or "sha256:...", of the weights; None: not compared.

        Raises:
            InputError: files are missing (all are named), the checksum differs, or the level was not trained; says
                what to do.
        """
        package, weights = Path(checkout) / "foldtoken", Path(weights)
        config = weights.with_name("config.yaml") if config is None else Path(config)
        missing = []
        if not (package / "model_interface.py").is_file():
            missing.append(
                f"tokenizer.checkout: {checkout} holds no foldtoken/model_interface.py; clone {_SOURCE} and name the "
                "folder of the clone"
            )
        for key, path, what in (("weights", weights, "the checkpoint"), ("config", config, "config.yaml")):
            if not path.is_file():
                missing.append(f"tokenizer.{key}: {path} does not exist; download {what} of FoldToken4 from {_RECORD}")
        if missing:
            raise InputError("\n  ".join(missing))
        network = validate(NetworkConfig, read_yaml(config), str(config))
        if level not in network.levels:
            raise InputError(
                f"tokenizer.level {level} was not trained; {config} lists {', '.join(map(str, network.levels))} "
                "(2^level codes each)"
            )
        if checksum is not None:
            compare_checksum(weights, checksum)
        sources = sorted(package.rglob("*.py"))
        checksums = {
            "checkout": digest({str(path.relative_to(package)): sha256(path) for path in sources}),
            "weights": sha256(weights),
            "config": sha256(config),
        }
        return cls(package, weights, config, network, checksums)

    def require(self, checksums: dict[str, str]) -> None:
        """Refuse files that are not those of `checksums`.

        Raises:
            InputError: names the part that has changed since the tokenizer was fitted.
        """
        paths = {"checkout": self.package, "weights": self.weights, "config": self.config}
        changed = [str(paths[key]) for key in checksums if self.checksums[key] != checksums[key]]
        if changed:
            raise InputError(
                f"{', '.join(changed)} changed after the tokenizer was fitted: codes would no longer mean the same. "
                "Restore the files, or run tokenize and all stages after it again"
            )


def compare_checksum(path: Path, expected: str) -> None:
    """Compare a file with "md5:..." or "sha256:...".

    Raises:
        InputError: the checksum has another form, or the file another checksum.
    """
    match = _CHECKSUM.fullmatch(expected.strip().lower())
    if match is None:
        raise InputError(
            f"tokenizer.weights_checksum: '{expected}' is neither md5:<32 hex digits> nor sha256:<64 hex digits>"
        )
    algorithm, value = [group for group in match.groups() if group]
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found != value:
        raise InputError(
            f"tokenizer.weights: {path} has {algorithm}:{found}, not the expected {algorithm}:{value}; the download is "
            f"incomplete or another file. Fetch it again from {_RECORD}, or correct tokenizer.weights_checksum"
        )
