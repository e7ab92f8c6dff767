"""The corpora: where each one's reader lies, and the editions that are made here."""

CORPORA = {
    "noxi": "affectssm.corpora.noxi",
    "noxi_add": "affectssm.corpora.noxi_add",
    "mpiigi": "affectssm.corpora.mpiigi",
    "deap": "affectssm.corpora.deap",
    "mahnob": "affectssm.corpora.mahnob",
}
"""Name -> the module whose ``discover(root, ground_truth, settings)`` finds its streams."""

DEMO_EDITIONS = ("demo", "demo-tiny", "demo-withheld", "demo-tiny-withheld")
PHYSIO_EDITIONS = {"demo": "physio", "demo-tiny": "physio-tiny"}
"""What the root of a corpus of trials says -> the edition that is made here."""
DEMOS: dict[str, str] = {
    **dict.fromkeys(DEMO_EDITIONS, "affectssm.corpora.demo.write:write_demo"),
    **dict.fromkeys(
        ("physio", "physio-tiny", "physio-original"), "affectssm.corpora.demo.physio:write_physio_demo"
    ),
}
"""Edition -> ``module:function`` of what writes it."""
NO_CORPUS = "none"  # the root of a corpus that is not held
