#!/usr/bin/env bash
# The published commands of CC-SSL (Mu et al., CVPR 2020), in order: bash scripts/reproduce/ccssl.sh [horse] [tiger]
# Without a name: horse, then tiger. Needs TigDog and the CC-SSL renderings below ./animal_data/ (`zoopose data get real_animal` and
# `zoopose data get synthetic_animal_sp` say where they come from), and the extra imgaug. It takes days on one GPU.
# The script can be stopped at any time: the same command again goes on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# parameters; each can be set in the environment
IMAGE_PATH="${IMAGE_PATH:-./animal_data/}"
OUT="${OUT:-./checkpoint}"
EPOCHS="${EPOCHS:-100}"                                 # of the source model and of the network with real labels
ADAPT_EPOCHS="${ADAPT_EPOCHS:-60}"
PROTOCOL="${PROTOCOL:-published}"                       # zoopose: the method as it is here by default
AUGMENT="${AUGMENT:-published}"                         # crops, augmentation and targets as published; auto: as here by default
PYTHON="${PYTHON:-python}"

animals=("$@")
if [[ ${#animals[@]} -eq 0 ]]; then
    animals=(horse tiger)
fi

for animal in "${animals[@]}"; do
    synthetic="$OUT/synthetic_animal/$animal"
    real="$OUT/real_animal/$animal/${animal}_hourglass"

    # 1. the source model: renderings with labels
    "$PYTHON" train/train.py --dataset synthetic_animal_sp -a hg --stacks 4 --blocks 1 --image-path "$IMAGE_PATH" \
        --augment "$AUGMENT" --epochs "$EPOCHS" --checkpoint "$synthetic/${animal}_spaug" --animal "$animal"

    # 2. adaptation to the real pictures, without their labels; the published code chooses its checkpoint on the target's test labels
    select=()
    if [[ $PROTOCOL == published ]]; then
        select=(--select-on-target real_animal_sp)
    fi
    "$PYTHON" ccssl/CCSSL.py --protocol "$PROTOCOL" --num-epochs "$ADAPT_EPOCHS" --image-path "$IMAGE_PATH" \
        --checkpoint "$synthetic/${animal}_ccssl" --resume "$synthetic/${animal}_spaug/model_best.pth.tar" \
        --animal "$animal" "${select[@]}"

    # 3. scores on the real pictures, before and after the adaptation; --dataset1 and --arch are for files of the published code
    for stage in spaug ccssl; do
        "$PYTHON" evaluation/test.py --dataset1 synthetic_animal_sp --dataset2 real_animal_sp --arch hg \
            --image-path "$IMAGE_PATH" --resume "$synthetic/${animal}_$stage/model_best.pth.tar" --evaluate \
            --checkpoint "$synthetic/${animal}_$stage/test" --animal "$animal"
    done

    # 4. for comparison: a network trained on the labels of the real pictures
    "$PYTHON" train/train.py --dataset real_animal -a hg --stacks 4 --blocks 1 --image-path "$IMAGE_PATH" \
        --augment "$AUGMENT" --epochs "$EPOCHS" --checkpoint "$real" --animal "$animal"
    "$PYTHON" train/train.py --dataset real_animal --image-path "$IMAGE_PATH" --resume "$real/model_best.pth.tar" \
        --evaluate --checkpoint "$real/test" --animal "$animal"
done
