"""What training and conversion both say of a model: its manifest, its canary, its input, its int8 form, and how it is measured.

Nothing here needs PyTorch or Paddle. What `shared/` and `evaluation/` define for the pipeline is defined here for Python, and
the files in `test/golden/` hold both to the same answers.
"""
