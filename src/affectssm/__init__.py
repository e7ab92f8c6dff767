"""From raw affect corpora to the tables of four state-space-model papers in one command."""

__version__ = "0.1.0"
