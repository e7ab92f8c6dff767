"""Pretrained weights: what is wanted, fetched from a hub where there is a network, and verified where there is none."""
