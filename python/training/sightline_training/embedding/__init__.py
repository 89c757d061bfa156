"""The embedder: a picture of one object becomes a 512-float vector whose cosine says "same thing"."""
