"""mdllm: frames become tokens, a language model continues them, and its rollouts are judged against nulls.

The folders follow the data: ``data`` -> ``tokenizers`` -> ``language`` -> ``models`` -> ``analysis`` ->
``figures``, over a small ``core``. Lengths are nm, times ps, angles radian, temperatures kelvin.
"""

__version__ = "0.1.0"
