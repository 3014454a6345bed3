#!/usr/bin/env bash
# The tables of benchmarks/adaptation/README.md, from nothing: bash scripts/reproduce/livestock.sh
# Needs LivestockKeypoints 1.0 (CC BY 4.0) below DATA: horse/train.json, horse/test.json, cattle_a/all.json, cattle_b/all.json and their
# pictures. The scores of finished cells go into OUT/cells, and those that are committed are not used. CONFIG=gpu and CONFIG=full are for a GPU.
# The script can be stopped at any time: the same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# parameters; each can be set in the environment
DATA="${DATA:-livestock}"
OUT="${OUT:-runs/adaptation}"
CONFIG="${CONFIG:-small}"                               # small, scratch, gpu or full
JOBS="${JOBS:-1}"                                       # runs at once
PYTHON="${PYTHON:-python}"

run() {
    "$PYTHON" -m zoopose.benchmarks.adaptation --data "$DATA" --out "$OUT" --cells "$OUT/cells" --config "$CONFIG" --jobs "$JOBS" "$@"
}

# all columns, main and far pairs
run

# WS-CDA with a source of two animals
run --comparison wscda

# targets on which an adaptation can do harm, without the guard
run --pairs horse:cattle_a_upside_down,horse:cattle_b_third,synthetic_tiger:horse \
    --columns zoopose,free --set free.guard_limit=1000
