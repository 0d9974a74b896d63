#!/bin/bash
# Starts a Docker Engine in the machine and returns once it answers; run as root, without arguments.
#
# Below systemd the engine is a service and uses the systemd cgroup driver, else the cgroupfs one. It
# has no network and keeps its files on the ext4 disk. Its log is /scratch/docker.log.
set -euo pipefail
seconds_allowed=${DOCKER_UP_SECONDS:-120}
log=/scratch/docker.log
engine=(
    dockerd --data-root /scratch/docker --exec-root /run/docker
    --bridge none --iptables=false --ip-masq=false --log-level warn
)

start_service() {
    systemd-run --quiet --unit docker.service \
        --property Delegate=yes --property KillMode=process \
        --property "StandardOutput=append:$log" --property "StandardError=append:$log" \
        "$(command -v dockerd)" "${engine[@]:1}" --exec-opt native.cgroupdriver=systemd
}

start_process() {
    # An engine in the root cgroup finds no memory.swap.max beside it and then discards every limit
    # of swap with a mere warning; below systemd it always has a cgroup of its own.
    echo "+cpu +io +memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
    mkdir -p /sys/fs/cgroup/engine
    (
        echo "$BASHPID" > /sys/fs/cgroup/engine/cgroup.procs
        exec setsid "${engine[@]}" --exec-opt native.cgroupdriver=cgroupfs
    ) < /dev/null >> "$log" 2>&1 &
}

if [ -d /run/systemd/system ]; then start_service; else start_process; fi
until [ -S /run/docker.sock ] && docker version > /dev/null 2>&1; do
    if ((SECONDS > seconds_allowed)); then
        echo "docker_up.sh: no answer within $seconds_allowed s; the end of $log:" >&2
        tail -n 20 "$log" >&2
        exit 1
    fi
    sleep 0.2
done
