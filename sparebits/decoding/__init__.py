"""Decoders: from stored words, flipped bits among them, back to data words."""
