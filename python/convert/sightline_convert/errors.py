"""What conversion refuses; the commands tell it in one line."""

from sightline_base.errors import SightlineError


class ConversionError(SightlineError):
    """A network, archive or Python that can't be converted, or converted with."""
