"""Effects of mutations, from how they change what a model predicts of dynamics; scans, benchmarks, references."""
