"""What fits say of themselves, through the logger "sklearn_linloss"."""

import logging

_LOGGER = logging.getLogger("sklearn_linloss")
# What `verbose` asks for shall pass, unless the user has set a level.
if _LOGGER.level == logging.NOTSET:
    _LOGGER.setLevel(logging.INFO)


def tell(message):
    """Log a line at the level INFO; print it where no handler of logging is set up."""
    if _LOGGER.hasHandlers():
        _LOGGER.info(message)
    else:
        print(message)
