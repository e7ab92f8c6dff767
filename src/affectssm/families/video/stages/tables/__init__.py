"""Pages of the tables of video."""
