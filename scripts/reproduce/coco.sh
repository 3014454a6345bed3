#!/usr/bin/env bash
# Trains published recipes on COCO's people and scores them: bash scripts/reproduce/coco.sh [RECIPE ...]
# Recipes are the files of train/recipes/coco without their ending; without a name: the two that are written below.
# Needs COCO 2017 below DATA (`zoopose data get coco_person --run` fetches it) and the extra coco. One recipe takes days on several GPUs.
# The script can be stopped at any time: the same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# parameters; each can be set in the environment
DATA="${DATA:-animal_data/coco2017}"
OUT="${OUT:-runs/coco}"
DEVICES="${DEVICES:-1}"                                 # GPUs; the recipe's batch is divided among them
TRUNKS="${TRUNKS:-}"                                    # folder with ImageNet weights as RECIPE.pth; without it trunks start from random weights
DETECTIONS="${DETECTIONS:-}"                            # a detections file in COCO results form; without it annotated boxes are used

recipes=("$@")
if [[ ${#recipes[@]} -eq 0 ]]; then
    recipes=(sb_pose_resnet50_256x192 hrnet_w32_256x192)
fi

for recipe in "${recipes[@]}"; do
    trunk=()
    if [[ -n $TRUNKS ]]; then
        trunk=(--trunk-weights "$TRUNKS/$recipe.pth")
    fi
    zoopose train --recipe "coco/$recipe" --dataset "coco_person:$DATA" --checkpoint "$OUT/$recipe" --devices "$DEVICES" "${trunk[@]}"
    zoopose test --dataset "coco_person:$DATA" --resume "$OUT/$recipe/model_best.pth.tar" --boxes "${DETECTIONS:-gt}" --flip \
        --checkpoint "$OUT/$recipe/test"
done
