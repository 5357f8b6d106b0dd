"""Reports of libraries to the person who runs a command: counts, speeds, scores.

A command shows them on standard output (``util.script.script_main``); embedding programs see nothing, unless they
handle the INFO records of this module.
"""

import logging

log = logging.getLogger(__name__)


def announce(text: str) -> None:
    """Report one or several lines."""
    log.info("%s", text)
