"""Selective scan and Mamba blocks; imports torch alone."""
