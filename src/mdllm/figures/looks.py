"""Names and colours of sources and states, for figures and pages alike; read without matplotlib.

Each source has a colour, a marker and a line style of its own, so that colour is never the only difference. Colours
are told apart with the common colour vision deficiencies and differ in lightness, so that greyscale keeps them.
"""

from dataclasses import dataclass

from mdllm.ensembles.names import FREQUENCIES, MD, MODEL, NULLS, RESIDUE_TYPES, ROUNDTRIP, SYNONYMS


@dataclass(frozen=True)
class Look:
    label: str
    color: str
    marker: str
    line: str | tuple


LOOKS = {
    "training": Look("MD, training", "#12436D", "o", "-"),
    MD: Look("MD, not shown to the model", "#28A197", "s", "-."),
    MODEL: Look("model", "#E8590C", "^", "-"),
    ROUNDTRIP: Look(f"null (floor): {NULLS[ROUNDTRIP]}", "#8FC1EA", "D", "--"),
    FREQUENCIES: Look(f"null: {NULLS[FREQUENCIES]}", "#6E6E6E", "v", ":"),
    RESIDUE_TYPES: Look(f"null: {NULLS[RESIDUE_TYPES]}", "#A285D1", "P", (0, (3, 1, 1, 1))),
    SYNONYMS: Look(f"null: {NULLS[SYNONYMS]}", "#7A5C00", "<", (0, (5, 1))),
}
# Where adaptive sampling without a model would start.
RESTART_LOOKS = {
    "last_frames": Look("plain MD", "#000000", "X", (0, (5, 1))),
    "least_visited": Look("restarts, least visited", "#D4A017", ">", (0, (5, 1, 1, 1, 1, 1))),
}
# Shades, light to dark, and hatches tell states apart; order: training state, other states, outside all states.
STATE_SHADES = ("#B7CDE3", "#F3B98B", "#A8D5BA", "#D9B8DC", "#F0E19B")
STATE_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")
OUTSIDE_SHADE = "#EEEEEE"
REFERENCE_MARKERS = ("*", "P", "X", "h", "8", "p")
# Kinetics: what models are compared with, and models.
REFERENCE_LOOKS = {"exact": Look("exact", "black", "_", "-"), "md": Look("MD", "#12436D", "o", "-")}
# Known models keep their look in every figure; other variants take the looks that are left, in order.
MODEL_LOOKS = {
    "nanogpt": Look("nano-GPT", "#E8590C", "^", "-"),
    "lstm": Look("LSTM", "#28A197", "s", "--"),
    "markov": Look("Markov model", "#A8559F", "D", ":"),
}
FURTHER = (("#8FC1EA", "v", "-."), ("#7A5C00", "P", "--"), ("#6E6E6E", "X", ":"), ("#D4A017", "<", "-"))
