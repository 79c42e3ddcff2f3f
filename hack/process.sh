# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# Sourced by run.sh and stop.sh: where the all-in-one of this checkout keeps its
# things, and whether it runs. DATA_DIR and PORT may come from the caller.

data_dir=${DATA_DIR:-.muster}
port=${PORT:-7443}
kubeconfig=$data_dir/kubeconfig
pid_file=$data_dir/muster.pid
log_file=$data_dir/muster.log

# command_of PID prints the command line of a process, or nothing.
command_of() {
	if [[ -d /proc/self ]]; then
		{ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
	else
		ps -p "$1" -o args= 2>/dev/null || true
	fi
}

# running_pid prints the process id of the server that run.sh started on this
# data directory, or fails. The number alone proves nothing: after a reboot it
# may be anybody's, so the command line must be ours too.
running_pid() {
	local pid
	pid=$(cat "$pid_file" 2>/dev/null) || return 1
	[[ $pid =~ ^[0-9]+$ ]] || return 1
	[[ $(command_of "$pid") == *"bin/muster --data-dir $data_dir "* ]] || return 1
	echo "$pid"
}
