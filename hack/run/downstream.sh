# Copyright The Muster Authors.
# SPDX-License-Identifier: Apache-2.0

# Sourced by run.sh and stop.sh, after process.sh: the part of make run that deploys. It
# makes the Cluster lab-frankfurt real: it runs bin/muster-agent and a kube-apiserver with
# an etcd of its own, on the three ports above Muster's, with its data in
# $data_dir/downstream. The cluster has no controllers and no nodes. So no pods run in it,
# and a deleted Namespace remains, but ConfigMaps are created and deleted as usual.
#
# Its data is neither secret nor valuable: its etcd listens on loopback without
# authentication, and does not sync to disk.

downstream_cluster=lab-frankfurt
downstream_dir=$data_dir/downstream
downstream_kubeconfig=$downstream_dir/kubeconfig
downstream_ready_within=120 # seconds

# The command lines of the processes in the pid files.
downstream_etcd="--name downstream --data-dir $downstream_dir/etcd "
downstream_apiserver="--cert-dir $downstream_dir/pki "
downstream_agent="bin/muster-agent --upstream-kubeconfig $kubeconfig "

# downstream_wanted succeeds if the cluster is asked for, or if it is already built.
downstream_wanted() {
	local tool
	case "${DOWNSTREAM:-}" in
	0) return 1 ;;
	'') ;;
	*) return 0 ;;
	esac
	for tool in etcd kube-apiserver muster-agent; do
		hack/tool.sh --built "$tool" >/dev/null || return 1
	done
}

d() { kubectl --kubeconfig "$downstream_kubeconfig" "$@"; }

downstream_fail() {
	local log=$downstream_dir/$2.log
	echo "run.sh: the cluster to deploy to: $1 (make run DOWNSTREAM=0 runs without it)" >&2
	echo "--- the end of $log" >&2
	tail -n 10 "$log" >&2
	if grep -q 'address already in use' "$log"; then
		echo "(its ports follow Muster's; with make: make run PORT=..., after make stop)" >&2
	fi
	exit 1
}

# downstream_runs NAME COMMAND PROGRAM [ARGUMENT...] starts a program unless it runs.
downstream_runs() {
	local name=$1 command=$2
	shift 2
	pid_in "$downstream_dir/$name.pid" "$command" >/dev/null && return
	nohup "$@" >"$downstream_dir/$name.log" 2>&1 </dev/null &
	echo "$!" >"$downstream_dir/$name.pid"
}

# start_downstream starts the cluster unless it runs, and waits until it is ready.
start_downstream() {
	local etcd apiserver at token pki=$downstream_dir/pki started=$SECONDS
	etcd=$(hack/tool.sh etcd)
	apiserver=$(hack/tool.sh kube-apiserver)
	hack/tool.sh muster-agent >/dev/null
	(umask 077 && mkdir -p "$downstream_dir")
	# Running programs keep their ports.
	pid_in "$downstream_dir/etcd.pid" "$downstream_etcd" >/dev/null || echo "$((port + 1))" >"$downstream_dir/port"
	at=$(<"$downstream_dir/port")
	token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	if pid_in "$downstream_dir/kube-apiserver.pid" "$downstream_apiserver" >/dev/null; then
		token=$(cut -d, -f1 "$downstream_dir/tokens.csv")
	fi
	echo "$token,admin,admin,system:masters" >"$downstream_dir/tokens.csv"
	cat >"$downstream_kubeconfig" <<-YAML
		apiVersion: v1
		kind: Config
		clusters: [{name: $downstream_cluster, cluster: {server: "https://127.0.0.1:$at", certificate-authority: pki/apiserver.crt}}]
		users: [{name: admin, user: {token: "$token"}}]
		contexts: [{name: $downstream_cluster, context: {cluster: $downstream_cluster, user: admin}}]
		current-context: $downstream_cluster
	YAML

	local client=http://127.0.0.1:$((at + 1)) peer=http://127.0.0.1:$((at + 2))
	downstream_runs etcd "$downstream_etcd" "$etcd" --name downstream --data-dir "$downstream_dir/etcd" --unsafe-no-fsync \
		--listen-client-urls "$client" --advertise-client-urls "$client" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "downstream=$peer"
	# It makes its own certificate, and the key of that certificate also signs the tokens of
	# ServiceAccounts, which nothing here uses.
	downstream_runs kube-apiserver "$downstream_apiserver" "$apiserver" --cert-dir "$pki" \
		--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$at" --endpoint-reconciler-type none --etcd-servers "$client" \
		--token-auth-file "$downstream_dir/tokens.csv" --authorization-mode RBAC --anonymous-auth=false \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-key-file "$pki/apiserver.key" --service-account-signing-key-file "$pki/apiserver.key" \
		--service-cluster-ip-range 10.0.0.0/24 --shutdown-delay-duration 0s
	until d get --raw /readyz --request-timeout 2s >/dev/null 2>&1; do
		pid_in "$downstream_dir/etcd.pid" "$downstream_etcd" >/dev/null || downstream_fail "etcd ended" etcd
		pid_in "$downstream_dir/kube-apiserver.pid" "$downstream_apiserver" >/dev/null || downstream_fail "kube-apiserver ended" kube-apiserver
		((SECONDS - started < downstream_ready_within)) || downstream_fail "kube-apiserver is not ready after $downstream_ready_within s" kube-apiserver
		sleep 0.2
	done
}

# start_downstream_agent starts the Cluster's agent anew each time, like the simulated
# agents, because it may have been rebuilt.
start_downstream_agent() {
	local namespace
	namespace=$(k get cluster -n fleet-default "$downstream_cluster" -o jsonpath='{.status.namespace}')
	stop_downstream_agent
	downstream_runs muster-agent "$downstream_agent" bin/muster-agent --upstream-kubeconfig "$kubeconfig" --kubeconfig "$downstream_kubeconfig" \
		--cluster "fleet-default/$downstream_cluster" --namespace "$namespace" --monitor-every 2s --first-heartbeat 200ms
}

stop_downstream_agent() { end_pid_in "$downstream_dir/muster-agent.pid" "$downstream_agent" 10; }

stop_downstream() {
	stop_downstream_agent
	end_pid_in "$downstream_dir/kube-apiserver.pid" "$downstream_apiserver" 15
	end_pid_in "$downstream_dir/etcd.pid" "$downstream_etcd" 10
}

# show WHERE COMMAND... prints a command for one of the two clusters, k or d, and runs it.
show() {
	local where=$1 option=
	shift
	[[ $where == d ]] && option="--kubeconfig $downstream_kubeconfig "
	echo "  \$ kubectl $option$*"
	"$where" "$@" 2>&1 | sed 's/^/    /'
}

# show_deployment labels the Cluster and shows what is deployed as a result.
show_deployment() {
	local notice="configmap/notice -n maintenance"
	k label -n fleet-default cluster "$downstream_cluster" maintenance- >/dev/null
	d wait $notice --for=delete --timeout=30s >/dev/null 2>&1 || true # it, or its namespace, never existed
	echo "$downstream_cluster is a real cluster. Label it, and bin/muster-agent deploys a ConfigMap into it:"
	echo
	show k label cluster -n fleet-default "$downstream_cluster" maintenance=tonight
	d wait $notice --for=create --timeout=30s >/dev/null || downstream_fail "the ConfigMap did not appear within 30 s" muster-agent
	show d get $notice
	echo
}

# show_uninstall removes the label and shows that the deployed objects are gone.
show_uninstall() {
	local notice="configmap/notice -n maintenance"
	echo "Remove the label, and the ConfigMap is uninstalled:"
	echo
	show k label cluster -n fleet-default "$downstream_cluster" maintenance-
	d wait $notice --for=delete --timeout=30s >/dev/null || downstream_fail "the ConfigMap did not disappear within 30 s" muster-agent
	show d get $notice || true # NotFound is the answer to show
}
