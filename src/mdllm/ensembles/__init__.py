"""What is compared: structures of the model and of its nulls, decoded from codes or redrawn from training frames."""
