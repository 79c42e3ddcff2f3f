#!/usr/bin/env bash
# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# hack/run/stop.sh
#
# Ends what hack/run/run.sh started, and nothing else: the server, the agents, and the
# cluster that one of them deploys to. It succeeds if nothing runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source hack/run/process.sh
source hack/run/downstream.sh

stop_agents
stop_downstream

stop_within=30 # seconds; a second signal then ends it at once

if ! pid=$(running_pid); then
	rm -f "$pid_file"
	echo "muster does not run on $data_dir"
	exit 0
fi

# ended WITHIN waits until the process is gone, for at most that many seconds.
ended() {
	local started=$SECONDS
	while running_pid >/dev/null; do
		((SECONDS - started < $1)) || return 1
		sleep 0.1
	done
}

kill -TERM "$pid"
if ! ended "$stop_within"; then
	echo "stop.sh: process $pid did not end within $stop_within s; telling it to end at once" >&2
	kill -TERM "$pid"
	if ! ended 5; then
		echo "stop.sh: process $pid still runs; its log is $log_file" >&2
		exit 1
	fi
fi
rm -f "$pid_file"
echo "stopped muster (process $pid)"
