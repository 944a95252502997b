"""Next-token models over codes: chosen by name from the registry in `base`, trained, and rolled out."""

import logging

# transformers imports bitsandbytes where it is installed; on a CPU that asks for an optional package of faster kernels,
# which would fetch them from the hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
