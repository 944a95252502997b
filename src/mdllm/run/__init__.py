"""How a stage runs: log, provenance, preemption, the node, and the resources of a run."""
