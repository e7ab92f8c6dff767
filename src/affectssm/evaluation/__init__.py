"""Metrics, intervals over independent units and completeness."""
