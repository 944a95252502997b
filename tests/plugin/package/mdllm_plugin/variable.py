"""A collective variable."""

import numpy as np


def end_to_end(cv, binding):
    rows = binding.select("atoms", "name CA")[[0, -1]]
    return "end-to-end distance", lambda points: np.linalg.norm(points[:, rows[0]] - points[:, rows[1]], axis=-1)
