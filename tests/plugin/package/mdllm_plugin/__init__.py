"""What one adds to mdllm from outside: a tokenizer, a model, a collective variable and a figure."""
