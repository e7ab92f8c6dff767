"""Engagement in dialogues: DA-Mamba and DAT on NoXi, NoXi-Add and MPIIGroupInteraction."""
