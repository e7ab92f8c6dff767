"""Staged, validated, provenance-carrying files."""
