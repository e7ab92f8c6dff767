"""Models measured beside the papers' own."""
