"""The error that the commands turn into one line for the person who reads it."""


class ConversionError(Exception):
    """What failed, on what, and what to do about it."""
