"""Training, evaluation and export of Sightline's two networks: the embedder and the detector."""
