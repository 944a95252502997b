"""What is new in the generated frames, without being told what to look for: states that nobody defined."""
