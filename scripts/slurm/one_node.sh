#!/usr/bin/env bash
#SBATCH --job-name=zoopose
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=32
#SBATCH --mem=128G
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.out
#SBATCH --signal=B:TERM@180
# One adaptation on the GPUs of one node. Submit from the folder with the data: sbatch scripts/slurm/one_node.sh
# SLURM sends SIGTERM 180 s before the time limit; zoopose then saves and ends. The same sbatch again goes on from there.
set -euo pipefail

# parameters; each can be set in the environment: GPUS=2 sbatch --gres=gpu:2 scripts/slurm/one_node.sh
GPUS="${GPUS:-4}"                                       # as many as --gres above
SOURCE="${SOURCE:-coco:horse/train.json}"               # labelled data
TARGET="${TARGET:-coco:cattle_a/all.json}"              # data without labels
START="${START:-runs/horse/model_best.pth.tar}"         # network trained on SOURCE
RUN="${RUN:-runs/horse_to_cattle}"                      # run folder
EPOCHS="${EPOCHS:-10}"
BATCH="${BATCH:-6}"                                     # pictures of each domain on every GPU
WORKERS="${WORKERS:-7}"                                 # processes that read pictures, for every GPU
VENV="${VENV:-.venv}"

# shellcheck source=/dev/null
source "$VENV/bin/activate"
export OMP_NUM_THREADS=1

# exec: the signal reaches torchrun, which hands it to every process
exec torchrun --standalone --nproc-per-node "$GPUS" --no-python \
    zoopose ccssl --source "$SOURCE" --target "$TARGET" --resume "$START" --checkpoint "$RUN" \
    --num-epochs "$EPOCHS" --train-batch "$BATCH" --workers "$WORKERS" --devices "$GPUS"
