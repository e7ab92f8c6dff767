#!/usr/bin/env bash
# Snakemake runs this in a conda environment it has just made, with the working directory of the workflow.
# The next line changes with the pins, and so makes Snakemake renew the environment.
# lock: 5a059b4d73d5cb61f386b1d2e3f0bcb6b7aaa30363907d2e21e911846cdaa863
set -euo pipefail
if [ ! -f envs/install.sh ]; then
    echo "run this from the affectssm repository (no envs/install.sh in $PWD)" >&2
    exit 1
fi
bash envs/install.sh "$CONDA_PREFIX/bin/python"
