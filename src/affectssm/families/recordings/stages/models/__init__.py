"""Models that answer as many labels as a corpus has, in their own range."""
