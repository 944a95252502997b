"""What a trained model has learned: causal trace, kinetic distances, codes that it gives without reason."""
