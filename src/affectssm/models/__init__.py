"""The papers' models and the baselines measured beside them."""
