"""Populations, timescales and passage times of discrete trajectories, of MD and of models alike."""
