#!/usr/bin/env bash
# Snakemake runs this in a conda environment it has just made, with the working directory of the workflow.
# The next line changes with the pins, and so makes Snakemake renew the environment.
# lock: 150ad18d66c3ccc800aa3ef03c8343367e2dc2af4c6143a25ef67e820257fc4b
set -euo pipefail
if [ ! -f envs/install.sh ]; then
    echo "run this from the affectssm repository (no envs/install.sh in $PWD)" >&2
    exit 1
fi
bash envs/install.sh "$CONDA_PREFIX/bin/python"
