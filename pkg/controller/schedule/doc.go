// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schedule opens and closes the windows of Schedules (S 5.4): in the status
// of each Schedule, and in status.scheduled and status.activeSchedule of the Clusters
// that it governs. BundleDeployments of a Cluster that is scheduled, and not active,
// are offSchedule, and its agent leaves everything as it is. Roll-outs go on.
//
// Without this controller Schedules do nothing, as in Fleet without its flag.
//
// # What is as in Fleet
//
// A Schedule that comes, or whose spec or Clusters change, starts closed: also inside
// what would be a window, which is not opened half-way; and also for Clusters that it
// governed before. The window opens with the next time of the cron expression, and
// closes after the duration. The duration must be shorter than the time between the
// next two. A Schedule that is wrong says so in its Ready condition.
//
// # What is not
//
//   - The state is in the Schedule's status, and follows from that and the clock. So
//     a restart, or another leader, finds a window open that is open, and opens at
//     once one that should have opened meanwhile. Fleet starts closed again, and a
//     window during which it restarts is lost.
//   - Of several Schedules of one Cluster, one that is open is enough. In Fleet the
//     last that opened or closed decides.
//   - A Schedule that became wrong keeps its Clusters, closed, until it is mended or
//     deleted. In Fleet they stay as they were, also open for ever.
//   - No finalizer is needed: Clusters that no Schedule governs any more are found by
//     looking. A Schedule governs nothing from when it is being deleted.
//   - A BundleDeployment that is off schedule and whose Cluster is no longer targeted
//     goes at once. Fleet keeps it until the window: its Bundle controller leaves such
//     ones out when it deletes. But its Cluster controller does not, so they go there
//     too if the Cluster's labels changed. What a Cluster is targeted by is derived
//     here, and a BundleDeployment that nothing derives cannot stay. Its agent
//     uninstalls when it sees that, in or out of a window, as Fleet's does.
//
// # Costs
//
// A pass over all Schedules and Clusters of their namespaces whenever one of these,
// or a ClusterGroup, changes otherwise than by reports, and when a window opens or
// closes. It writes what differs: one patch for each Schedule and each Cluster. The next
// pass comes after nine times as long as the last one took, five seconds at most. A
// Schedule whose write fails delays no other; it is tried again after five seconds, then
// more rarely, up to once a minute.
//
// Run may be called again when it has returned, and beside another process that does
// the same.
package schedule
