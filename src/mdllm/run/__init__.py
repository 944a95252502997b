"""How a stage runs: log, provenance, code, preemption, the node, and the resources of a run."""
