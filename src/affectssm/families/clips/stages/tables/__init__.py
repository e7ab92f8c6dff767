"""Pages of the tables of clips."""
