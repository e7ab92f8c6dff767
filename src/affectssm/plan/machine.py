"""What the plan has to know of the machine it runs on."""

from pathlib import Path


def local_gpus() -> int:
    """Return 1 where this machine has an NVIDIA card, so that the default profile runs one job on it at a time."""
    return int(Path("/dev/nvidia0").exists())
