"""What a trained model has learned: causal trace, codes that it gives without reason."""
