#!/usr/bin/env bash
# What the changelog says of a release, for its page: tools/release_notes.sh v0.1.0
# Fails where the tag is not the version of the package, or the changelog has no section
# for it that bears a date.
set -euo pipefail
cd "$(dirname "$0")/.."
version="${1#v}"

in_package=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' sklearn_linloss/_version.py)
if [ "$version" != "$in_package" ]; then
  echo "the tag is $1, but the package is of version $in_package" >&2
  exit 1
fi
heading=$(grep -n -E "^## ${version//./\\.} \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md || true)
if [ -z "$heading" ]; then
  echo "CHANGELOG.md has no heading \"## $version (year-month-day)\"" >&2
  exit 1
fi
tail -n "+$((${heading%%:*} + 1))" CHANGELOG.md | awk '/^## / {exit} {print}'
