"""Recordings of one's own: labels over time or one a recording, by the models of the other families."""
