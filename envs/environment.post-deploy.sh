#!/usr/bin/env bash
# Snakemake runs this in a conda environment it has just made, with the working directory of the workflow.
# The next line changes with the pins, and so makes Snakemake renew the environment.
# lock: caf9f1427ff511d1a28f3265cb131a1453cfda3afbc4ade160332cb8e106aa3d
set -euo pipefail
if [ ! -f envs/install.sh ]; then
    echo "run this from the affectssm repository (no envs/install.sh in $PWD)" >&2
    exit 1
fi
bash envs/install.sh "$CONDA_PREFIX/bin/python"
