"""`deis-daemon vault`: what an operator asks of the keys of the platform's secrets, and does with them.

One command a file. Nothing but `backup` ever tells a key.
"""

from libs.vault.commands.command import main

__all__ = ["main"]
