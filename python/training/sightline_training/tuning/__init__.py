"""Tunes an embedder to products of one's own: a folder of pictures in, a model folder out that is better at them, or none."""
