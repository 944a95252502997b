"""``python -m mdllm``: the command `mdllm` from a checkout that is not installed, and under `accelerate launch`."""

from mdllm.cli import main

main()
