"""From raw affect corpora to the tables of state-space-model papers in one command."""

__version__ = "0.1.0"
