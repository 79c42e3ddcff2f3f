# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# Sourced by run.sh, stop.sh and downstream.sh: the paths of this checkout's all-in-one, and
# whether it and its simulated agents run. The caller may set DATA_DIR and PORT.

data_dir=${DATA_DIR:-.muster}
port=${PORT:-7443}
kubeconfig=$data_dir/kubeconfig
pid_file=$data_dir/muster.pid
log_file=$data_dir/muster.log
agents_pid_file=$data_dir/agents.pid
agents_log_file=$data_dir/agents.log

# command_of PID prints the command line of a process, or nothing.
command_of() {
	if [[ -d /proc/self ]]; then
		{ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
	else
		ps -p "$1" -o args= 2>/dev/null || true
	fi
}

# running_pid prints the process id of the server that run.sh started on this data
# directory, or fails. The number alone proves nothing: after a reboot it may belong to
# another program, so the command line must match too. It also reads the server's own lock:
# if two servers start at once, the one that fails writes the pid file last.
running_pid() {
	local file pid
	for file in "$pid_file" "$data_dir/lock"; do
		pid=$(cat "$file" 2>/dev/null) || continue
		[[ $pid =~ ^[0-9]+$ ]] || continue
		[[ $(command_of "$pid") == *"bin/muster --data-dir $data_dir "* ]] || continue
		echo "$pid"
		return
	done
	return 1
}

# pid_in FILE COMMAND prints the process id in a file, or fails if no such process has a
# command line that contains COMMAND.
pid_in() {
	local pid
	pid=$(cat "$1" 2>/dev/null) || return 1
	[[ $pid =~ ^[0-9]+$ && $(command_of "$pid") == *"$2"* ]] || return 1
	echo "$pid"
}

# end_pid_in FILE COMMAND [SECONDS] asks that process to end. With SECONDS it waits that
# long and then kills it: for a process whose data need not be kept.
end_pid_in() {
	local pid started=$SECONDS
	if pid=$(pid_in "$1" "$2"); then
		kill -TERM "$pid" 2>/dev/null || true
		while [[ -n ${3:-} ]] && pid_in "$1" "$2" >/dev/null; do
			((SECONDS - started < $3)) || kill -KILL "$pid" 2>/dev/null || true
			sleep 0.1
		done
	fi
	rm -f "$1"
}

# stop_agents ends the simulated agents that run.sh started for this data directory. It does
# not wait, because nothing depends on their end.
stop_agents() { end_pid_in "$agents_pid_file" "bin/agent-simulator --kubeconfig $kubeconfig "; }
