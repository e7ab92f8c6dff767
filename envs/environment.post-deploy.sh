#!/usr/bin/env bash
# Snakemake runs this in a conda environment it has just made, with the working directory of the workflow.
# The next line changes with the pins, and so makes Snakemake renew the environment.
# lock: e141669e1edfa39cdf82cd3d25d9d760de2674671a43b10e0e11ad32018744d9
set -euo pipefail
if [ ! -f envs/install.sh ]; then
    echo "run this from the affectssm repository (no envs/install.sh in $PWD)" >&2
    exit 1
fi
bash envs/install.sh "$CONDA_PREFIX/bin/python"
