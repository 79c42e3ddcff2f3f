// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

// drills returns all drills, in the order in which they are played and shown.
func drills() []drill {
	return []drill{
		{
			name: "a replica is killed (`kill -9`)", play: killReplica,
			fires: []string{"MusterReplicaDown"},
			todo:  "Nothing. If it does not come back: `kubectl -n muster-system describe pod`, and the log of the previous container.",
		},
		{
			name: "a replica is told to stop (`SIGTERM`)", play: stopReplica, free: true, aggregator: true,
			todo: "Nothing.",
		},
		{
			name: "all processes are replaced, as by an upgrade", play: upgrade, free: true, aggregator: true,
			todo: "Nothing.",
		},
		{
			name: "the leader of etcd is lost", play: killLeader, free: true,
			todo: "Bring the member back: while it is away, the loss of another stops everything.",
		},
		{
			name: "a replica is cut off from etcd", play: cutReplica,
			fires: []string{"MusterReplicaUnready"}, may: []string{"MusterReplicaDown", "MusterViewOld"},
			todo: "Repair its network to etcd. Kubernetes does not restart it; that would not help.",
		},
		{
			name: "a majority of etcd is lost", play: killMajority, aggregator: true,
			fires: []string{"MusterDown", "MusterAPIServiceUnavailable", "MusterReplicaUnready", "MusterControllerDown"},
			may:   []string{"MusterWritesFail", "MusterViewOld", "MusterReplicaDown", "MusterControllerRestarts"},
			todo:  "Bring members back until a majority runs; Muster follows by itself. If their data is lost: [restore](backup.md#restore).",
		},
		{
			name: "etcd is full", play: fillEtcd,
			fires: []string{"MusterWritesFail", "MusterEtcdFull", "MusterEtcdAlmostFull"}, may: []string{"MusterControllerRestarts"},
			todo: "*Quota* in [etcd](#etcd). Until then deletions work, and reads and watches continue.",
		},
		{
			name: "etcd is lost with its data, and restored from a snapshot", play: restoreEtcd, aggregator: true,
			fires: []string{"MusterClosed", "MusterDown", "MusterAPIServiceUnavailable", "MusterReplicaUnready", "MusterControllerDown"},
			may:   []string{"MusterWritesFail", "MusterViewOld", "MusterReplicaDown", "MusterControllerRestarts"},
			todo:  "[Restore](backup.md#restore), [look and open](backup.md#look-and-open). Until then clients see nothing, and agents keep what they have deployed.",
		},
		{
			name: "a record in etcd is damaged", play: damageRecord,
			fires: []string{"MusterUndecodableRecords"},
			todo:  "*An object that cannot be read* in [etcd](#etcd).",
		},
		{
			name: "the serving certificate is renewed", play: renewServing, free: true, aggregator: true,
			todo: "Nothing.",
		},
		{
			name: "the serving certificate has expired", play: expireServing, aggregator: true,
			fires: []string{"MusterCertificateExpires", "MusterCertificateExpiresSoon", "MusterDown", "MusterAPIServiceUnavailable"},
			may:   []string{"MusterReplicaDown"},
			todo:  "Replace the Secret ([certificates](#certificates)). Connections that exist continue; the first new one fails.",
		},
		{
			name: "the certificate for etcd has expired, and a replica starts", play: expireEtcdClient, free: true,
			fires: []string{"MusterCertificateExpires", "MusterCertificateExpiresSoon", "MusterReplicaDown"}, may: []string{"MusterReplicaUnready"},
			todo: "Replace the Secret ([certificates](#certificates)). Do not restart the replicas that still have their connections.",
		},
		{
			name: "the front proxy's authority changes", play: changeFrontProxy, free: true,
			todo: "Nothing, if kube-apiserver trusts the old and the new authority together for a while.",
		},
		{
			name: "the keys of encryption change", play: changeKeys, free: true,
			todo: "[Keys of encryption](#keys-of-encryption), in this order.",
		},
		{
			name: "a namespace with Clusters and Bundles is deleted", play: deleteWorkspace, free: true,
			fires: []string{"MusterBundleDeploymentsDrop"},
			todo:  "Nothing, if it was meant. If not: [restore](backup.md#restore).",
		},
		{
			name: "the newest version of a Bundle fails", play: failBundle, free: true,
			fires: []string{"MusterBundlesFail"},
			todo:  "The Bundle's Ready condition says why. What is deployed stays.",
		},
		{
			name: "the leading muster-controller is killed", play: killController, free: true,
			todo: "Nothing. A new Cluster's namespace, for example, waits until the Lease expires and another replica leads.",
		},
		{
			name: "kube-apiserver is away", play: stopKubeAPIServer,
			may:  []string{"MusterDown", "MusterReplicaDown", "MusterControllerDown", "MusterControllerRestarts"},
			todo: "Bring it back. Muster needs nothing.",
		},
	}
}
