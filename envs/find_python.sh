#!/usr/bin/env bash
# Print a Python 3.11 or 3.12 that runs: $PYTHON when it is set, otherwise the first on the PATH.
set -u
seen=""
for candidate in ${PYTHON:-python3.11 python3.12 python3 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in
        3.11 | 3.12) command -v "$candidate"; exit 0 ;;
    esac
    seen="${seen:+$seen, }$candidate is $version"
done
cat >&2 <<MESSAGE
affectssm needs Python 3.11 or 3.12.
  found:    ${seen:-no Python that runs (tried: ${PYTHON:-python3.11 python3.12 python3 python})}
  expected: Python 3.11 or 3.12 on the PATH, or its path in PYTHON
  remedy:   install one of them, then for example: make demo PYTHON=/usr/bin/python3.12
MESSAGE
exit 1
