#!/bin/bash
# Runs a command as an ordinary user of the machine, logged in below systemd; run as root.
#
#   user_up.sh COMMAND ARGUMENT...
#
# The user "machine-user" is made at the first call, with its home on the ext4 disk and its manager kept
# running. The command runs in a login session (pam_systemd gives it XDG_RUNTIME_DIR and a message
# bus), in the caller's folder and with the caller's PATH.
set -euo pipefail
name=machine-user

if [ ! -d /run/systemd/system ]; then
    echo "user_up.sh: a user manager needs systemd; boot with machine.py --systemd" >&2
    exit 1
fi
if ! id "$name" > /dev/null 2>&1; then
    useradd --create-home --base-dir /scratch --shell /bin/bash "$name"
    loginctl enable-linger "$name"
    # The interpreter may lie below a home folder closed to others (in the overlay alone).
    for program in "$(command -v python)" "$(readlink -f "$(command -v python)")"; do
        folder=$(dirname "$program")
        while [ "$folder" != / ]; do
            chmod o+x "$folder"
            folder=$(dirname "$folder")
        done
    done
fi
settings=(PATH="$PATH" LANG="$LANG" TMPDIR="$TMPDIR" MACHINE_SHARE="$MACHINE_SHARE")
exec runuser -l "$name" -c "cd ${PWD@Q} && exec env ${settings[*]@Q} ${*@Q}"
