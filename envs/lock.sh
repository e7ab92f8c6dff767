#!/usr/bin/env bash
# Resolve requirements.in into requirements.lock; pins that still fit are kept (delete the lock to renew them all).
set -euo pipefail
python=$(realpath --no-symlinks "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
resolved=$(mktemp)
trap 'rm -f "$resolved"' EXIT
cp requirements.lock "$resolved" 2>/dev/null || true
"$python" -m uv pip compile --quiet requirements.in --override overrides.txt --no-header --no-annotate \
    --python-version 3.11 --python-platform x86_64-manylinux_2_28 --output-file "$resolved"
{
    echo "# Resolved from requirements.in and overrides.txt by \`make lock\`; do not edit."
    echo "# torch's CUDA packages are left out: torch pins them itself where the index's CUDA build is installed."
    grep -vE '^(cuda-|nvidia-)' "$resolved"
} >requirements.lock
hash=$(cat requirements.lock overrides.txt | sha256sum | cut -d' ' -f1)
sed -i "s/^# lock: .*/# lock: $hash/" environment.post-deploy.sh
