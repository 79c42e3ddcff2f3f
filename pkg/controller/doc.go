// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller runs the controllers: the loops that write what has to be written and
// does not follow from the facts, such as promotions, mirrors and the rights of agents.
//
//	┌──────────┐ views    ┌────────┐
//	│  engine  ├─────────►│ follow ├──┐ keys ┌───────┐     ┌────────────┐   ┌─► etcd: records, guarded
//	└──────────┘          └────────┘  ├─────►│ queue ├────►│ controller ├───┼─► fleet's API: statuses
//	┌──────────┐ metadata ┌────────┐  │      └───────┘     └────────────┘   └─► core API: objects
//	│ core API ├─────────►│ caches ├──┘
//	└──────────┘          └────────┘
//
// In this package:
//
//	manager.go   starts the loops, and starts again those that end
//	election.go  lets them run on one replica at a time
//	health.go    reports which of them fail
//
// Below it:
//
//	follow       the loop that all controllers share: what changed since the last look
//	queue        the keys to work on, in turns between tenants
//	rollout      promotes new versions step by step (S 6)
//	sweep        removes records and contents that nothing needs any more
//	schedule     opens and closes the windows of Schedules (S 5.4)
//	mirror       copies labels of Namespaces and values Secrets into the log
//	downstream   copies Secrets and ConfigMaps to where agents read them (S 4.7)
//	dependents   deletes Secrets and ConfigMaps after their owners, in the all-in-one
//	agentaccess  registers agents and gives them their rights (S 8)
//	clustercleanup
//	             removes the namespace and the agent Bundle of a deleted Cluster (S 5.3)
//	clusterprofile
//	             keeps labels of Clusters in step with a cluster inventory
//	ownership    keeps the objects of the core API that owners have, and removes them after
//	             their owner
//	loops        the list of all controllers, and what each needs
//
// controllertest holds what their tests share.
//
// Rollout and sweep need etcd alone; schedule writes statuses through the fleet's API. These
// three work without a queue: each looks at everything that it is about.
//
// # What a controller promises
//
// A controller compares how things are with how they should be, and does what is missing.
// It keeps nothing that it could not find again. It may be ended at any instruction, and
// two of its kind may run at a time: its writes to the log are guarded by what it looked
// at, and its writes to an API server by resourceVersion or by having the same content. So
// leader election saves work, and correctness does not depend on it.
//
// A controller that fails or panics stops no other. It is started again after a delay that
// grows.
//
// # Concurrency
//
// Add comes before Run. Check is safe for concurrent use.
package controller
