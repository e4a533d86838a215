"""The command line, ``labeler``: one module for each command.

What a command needs is imported when it runs, so that ``labeler --help`` answers at once.
"""

from labeler.cli.app import main

__all__ = ["main"]
