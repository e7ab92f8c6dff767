"""Selective scan and Mamba blocks; imports torch alone until a backend needs more."""
