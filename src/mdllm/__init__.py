"""mdllm: frames become tokens, a language model continues them, and its rollouts are judged against nulls.

The folders follow the data: ``data`` -> ``tokenizers`` -> ``language`` -> ``models`` -> ``analysis`` ->
``figures``, over a small ``core``. Lengths are nm, times ps, angles radian, temperatures kelvin.

``mdllm.load("results/trp_cage/main")`` opens what the workflow has made.
"""

from importlib import import_module

__version__ = "0.1.0"


def load(folder):
    """The results of one variant, as `mdllm.results.Results`; ``mdllm.load("results/trp_cage/main")``.

    Args:
        folder: path below a project's `results/`: system, then variant.

    Raises:
        mdllm.core.errors.InputError: there are no such results.
    """
    # by name: as an import, the code of every stage would depend on that of the results (mdllm.run.code)
    return import_module("mdllm.results").Results(folder)
