"""MD decides: proposals of the model and of its nulls get all their atoms, and short simulations tell which stay."""
