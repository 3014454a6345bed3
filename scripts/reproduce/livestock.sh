#!/usr/bin/env bash
# The tables of benchmarks/adaptation/README.md: bash scripts/reproduce/livestock.sh
# Needs LivestockKeypoints 1.0 (CC BY 4.0) below DATA: horse/train.json, horse/test.json, cattle_a/all.json, cattle_b/all.json and their
# pictures. CONFIG=small takes about two hours for each of the two tables on two CPU cores; CONFIG=full is for a GPU.
# The script can be stopped at any time: the same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# parameters; each can be set in the environment
DATA="${DATA:-livestock}"
OUT="${OUT:-runs/adaptation}"
CONFIG="${CONFIG:-small}"                               # small or full
JOBS="${JOBS:-1}"                                       # runs at once
PYTHON="${PYTHON:-python}"

# source-only, CC-SSL as published, CC-SSL as it is here, oracle
"$PYTHON" -m zoopose.benchmarks.adaptation --data "$DATA" --out "$OUT" --config "$CONFIG" --jobs "$JOBS" \
    --columns source_strong,published,zoopose,oracle

# WS-CDA and PPLO beside CC-SSL
"$PYTHON" -m zoopose.benchmarks.adaptation --data "$DATA" --out "$OUT" --config "$CONFIG" --jobs "$JOBS" --comparison wscda

# targets on which an adaptation can do harm, with the guard and without it
"$PYTHON" -m zoopose.benchmarks.adaptation --data "$DATA" --out "$OUT" --config "$CONFIG" --jobs "$JOBS" \
    --pairs horse:cattle_a_upside_down,horse:cattle_b_third,synthetic_tiger:horse \
    --columns zoopose,free --set free.guard_limit=1000
