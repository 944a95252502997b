"""What every room stands on: geometry, backbone trajectories, small files, intervals, errors."""
