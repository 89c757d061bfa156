"""The class-agnostic detector: PicoDet networks, their training and their measurement."""
