#!/usr/bin/env bash
# Pictures of the main pages of the built documentation, at desktop and phone width, to be
# looked at: tools/screenshots.sh docs/_build/html pictures. Needs chromium.
set -euo pipefail
html=$(realpath "$1")
mkdir -p "$2"
pictures=$(realpath "$2")

pages=(index getting_started user_guide/solvers user_guide/certificate mathematics user_guide/objective user_guide/streaming user_guide/delta_and_lambda
  benchmarks auto_examples/index coming_from/logistic_regression
  api/generated/sklearn_linloss.SVMClassifier developer decisions)
for page in "${pages[@]}"; do
  if [ ! -f "$html/$page.html" ]; then
    echo "no page $page" >&2
    exit 1
  fi
  for width in 1280 412; do
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
      --virtual-time-budget=5000 --window-size="$width,1600" \
      --screenshot="$pictures/${page//\//.}-$width.png" "file://$html/$page.html" \
      2>/dev/null
  done
done
ls "$pictures"
