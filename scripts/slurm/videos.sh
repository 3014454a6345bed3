#!/usr/bin/env bash
#SBATCH --job-name=zoopose-videos
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=12:00:00
#SBATCH --output=%x-%A_%a.out
#SBATCH --signal=B:TERM@60
# Joints of many videos: every task of the job array takes every 16th video of a folder.
# Submit with: sbatch scripts/slurm/videos.sh; more or fewer tasks: sbatch --array=0-63 scripts/slurm/videos.sh
# Each video has a folder of its own below OUT. One that has its predictions.csv is left out, so the same sbatch again does what is left.
set -euo pipefail

# parameters; each can be set in the environment
VIDEOS="${VIDEOS:-videos}"                              # folder with the videos
NETWORK="${NETWORK:-runs/horse_to_cattle/last.pth.tar}"
OUT="${OUT:-predictions}"
OVERLAYS="${OVERLAYS:-24}"                              # frames with drawn joints for every video; 0: none
VENV="${VENV:-.venv}"

# shellcheck source=/dev/null
source "$VENV/bin/activate"
export OMP_NUM_THREADS=1
task="${SLURM_ARRAY_TASK_ID:-0}"
tasks="${SLURM_ARRAY_TASK_COUNT:-1}"
first="${SLURM_ARRAY_TASK_MIN:-0}"

# end at once when SLURM asks for it: a video that is not finished is done anew by the next job
trap 'kill -TERM "${running:-$$}" 2>/dev/null; exit 143' TERM

failed=0
number=0
while IFS= read -r -d '' video; do
    turn=$((number % tasks))
    number=$((number + 1))
    name=$(basename "$video")
    if [[ $turn -ne $((task - first)) || -f "$OUT/$name/predictions.csv" ]]; then
        continue
    fi
    zoopose predict --data "video:$video" --resume "$NETWORK" --checkpoint "$OUT/$name" --overlays "$OVERLAYS" &
    running=$!
    if ! wait "$running"; then
        echo "no predictions of $video" >&2
        failed=$((failed + 1))
    fi
    unset running
done < <(find "$VIDEOS" -maxdepth 1 -type f \( -iname '*.mp4' -o -iname '*.mov' -o -iname '*.avi' -o -iname '*.mkv' \) -print0 | sort -z)

if [[ $number -eq 0 ]]; then
    echo "no videos in $VIDEOS" >&2
    exit 2
fi
echo "$failed of this task's videos failed"
[[ $failed -eq 0 ]]
