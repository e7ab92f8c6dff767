#!/usr/bin/env bash
# Snakemake runs this in a conda environment it has just made, with the working directory of the workflow.
# The next line changes with the pins, and so makes Snakemake renew the environment.
# lock: 52045fe25ec0c8381cc46f20285978f720555dbddcd9975d0a193942455a90a5
set -euo pipefail
if [ ! -f envs/install.sh ]; then
    echo "run this from the affectssm repository (no envs/install.sh in $PWD)" >&2
    exit 1
fi
bash envs/install.sh "$CONDA_PREFIX/bin/python"
