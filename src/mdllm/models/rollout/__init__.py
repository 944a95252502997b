"""Rollout: frames drawn from a model, resumable byte for byte, in one job or in several."""
