"""Settings and jobs of small simulations of proposals."""

import pandas as pd

from mdllm.config.settings.verification import VerificationSettings
from mdllm.verification.run import jobs

SETTINGS = VerificationSettings(
    proposals=1, replicas=2, length_ps=2, nvt_ps=0.5, save_interval_ps=0.1, checkpoint_interval_ps=0.5, platform="CPU"
)


def listed(names, work, settings=SETTINGS):
    return jobs(pd.DataFrame({"proposal": names}), settings, 0, work)
