"""The cells of the tables of dialogues: the parts of corpora that are scored."""

from affectssm.evaluation.frame_reading import Part

# a table's columns, and the part of a corpus each is measured on; there is no validation part of NoXi-Add
CELLS: dict[str, dict[str, Part]] = {
    "test": {
        "noxi_base": ("noxi", "test-base"),
        "noxi_add": ("noxi_add", "test-additional"),
        "mpiigi": ("mpiigi", "test"),
    },
    "val": {"noxi_base": ("noxi", "val"), "mpiigi": ("mpiigi", "val")},
}
