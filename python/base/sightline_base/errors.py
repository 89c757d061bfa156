"""The error that a command turns into one line for the person who reads it."""


class SightlineError(Exception):
    """What failed, on what, and what to do about it."""
