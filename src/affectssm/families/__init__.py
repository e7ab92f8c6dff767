"""Families: kinds of tasks on kinds of corpora, each described in a folder of its own.

What lies directly in a family's folder describes it (names, settings, experiments, tables, jobs) and is no code that
makes a file: it reaches the stages as their settings. Code of its own that makes files lies in its folder ``stages``.
"""

OWN: dict[str, str] = {
    "dialogue": "affectssm.families.dialogue.family:Dialogue",
    "biosignals": "affectssm.families.biosignals.family:Biosignals",
    "video": "affectssm.families.video.family:Video",
    "clips": "affectssm.families.clips.family:Clips",
    "recordings": "affectssm.families.recordings.family:Recordings",
}
"""Word of the configuration and of command lines -> ``module:Class`` of the families of this package."""
