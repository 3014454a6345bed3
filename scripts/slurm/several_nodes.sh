#!/usr/bin/env bash
#SBATCH --job-name=zoopose
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=32
#SBATCH --mem=128G
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.out
#SBATCH --signal=TERM@180
# One training on the GPUs of several nodes: one torchrun on every node, one process for every GPU.
# Data and run folder must lie on a disk that all nodes see. Submit with: sbatch scripts/slurm/several_nodes.sh
# SLURM sends SIGTERM 180 s before the time limit; zoopose then saves and ends. The same sbatch again goes on from there.
set -euo pipefail

# parameters; each can be set in the environment
NODES="${NODES:-${SLURM_NNODES:-2}}"                    # as many as --nodes above
GPUS="${GPUS:-4}"                                       # of every node, as many as --gres above
RECIPE="${RECIPE:-coco/hrnet_w32_256x192}"
DATASET="${DATASET:-coco_person:animal_data/coco2017}"
TRUNK="${TRUNK-hrnet_w32_imagenet.pth}"                  # ImageNet weights of the trunk, see docs/networks.md; empty: random weights
RUN="${RUN:-runs/hrnet_w32}"
WORKERS="${WORKERS:-7}"                                 # processes that read pictures, for every GPU
PORT="${PORT:-29500}"                                   # a free port of the first node
VENV="${VENV:-.venv}"

# shellcheck source=/dev/null
source "$VENV/bin/activate"
export OMP_NUM_THREADS=1
processes=$((NODES * GPUS))
first_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# --devices counts the processes of all nodes; the recipe's batch is divided among them
exec srun --kill-on-bad-exit=1 \
    torchrun --nnodes "$NODES" --nproc-per-node "$GPUS" --no-python \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first_node:$PORT" \
    zoopose train --recipe "$RECIPE" --dataset "$DATASET" --trunk-weights "$TRUNK" --checkpoint "$RUN" \
    --workers "$WORKERS" --devices "$processes"
