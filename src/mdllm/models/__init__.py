"""Language models of codes: Mistral, a pretrained base with LoRA, nano-GPT, LSTM, Markov."""
