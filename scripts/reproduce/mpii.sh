#!/usr/bin/env bash
# Trains published recipes on MPII and scores them (PCKh): bash scripts/reproduce/mpii.sh [RECIPE ...]
# Recipes are the files of train/recipes/mpii without their ending; without a name: the two that are written below.
# Needs MPII below DATA (`zoopose data get mpii` says where it comes from). One recipe takes days.
# The script can be stopped at any time: the same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# parameters; each can be set in the environment
DATA="${DATA:-animal_data/mpii}"
OUT="${OUT:-runs/mpii}"
DEVICES="${DEVICES:-1}"                                 # GPUs; the recipe's batch is divided among them
TRUNKS="${TRUNKS:-}"                                    # folder with ImageNet weights as RECIPE.pth; without it trunks start from random weights

recipes=("$@")
if [[ ${#recipes[@]} -eq 0 ]]; then
    recipes=(hg_bearpaw_s8_256x256 hrnet_w32_256x256)
fi

for recipe in "${recipes[@]}"; do
    trunk=()
    if [[ -n $TRUNKS && $recipe != hg_* ]]; then
        trunk=(--trunk-weights "$TRUNKS/$recipe.pth")
    fi
    zoopose train --recipe "mpii/$recipe" --dataset "mpii:$DATA" --checkpoint "$OUT/$recipe" --devices "$DEVICES" "${trunk[@]}"
    zoopose test --dataset "mpii:$DATA" --resume "$OUT/$recipe/model_best.pth.tar" --flip --checkpoint "$OUT/$recipe/test"
done
