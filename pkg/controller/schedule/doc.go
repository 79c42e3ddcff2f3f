// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schedule opens and closes the windows of Schedules (S 5.4): in the status of each
// Schedule, and in status.scheduled and status.activeSchedule of the Clusters that it governs.
// BundleDeployments of a Cluster that is scheduled and not active are offSchedule, and its agent
// leaves everything as it is. Roll-outs continue.
//
// Without this controller Schedules have no effect, as in Fleet without its flag.
//
//	schedule.go  when a pass is due, and what it does
//	window.go    the state of one Schedule at a time
//	write.go     the statuses of Schedules and Clusters
//
// # As in Fleet
//
// A new Schedule, or one whose spec or Clusters change, starts closed, also inside a window and
// also for Clusters that it governed before. The window opens at the next time of the cron
// expression, and closes after the duration. The duration must be shorter than the time between
// the next two openings. An invalid Schedule says so in its Ready condition.
//
// # Unlike Fleet
//
//   - The state follows from the Schedule's status and the clock. So a restart, or another
//     leader, leaves an open window open, and opens at once a window that should have opened
//     meanwhile. Fleet starts closed again, and loses the window during which it restarts.
//   - Where several Schedules govern one Cluster, one open window is enough. In Fleet the
//     Schedule that opened or closed last decides.
//   - A Schedule that became invalid keeps its Clusters, closed, until it is corrected or
//     deleted. In Fleet they remain as they were, even open for ever.
//   - No finalizer is needed: each pass finds the Clusters that no Schedule governs any more.
//     A Schedule that is being deleted governs nothing.
//   - A BundleDeployment that is off schedule is removed at once when its Cluster is no longer
//     targeted. Fleet's Bundle controller keeps it until the window, but its Cluster controller
//     does not, so in Fleet it is removed at once if the Cluster's labels changed. Here the
//     targets of a Bundle are derived, and a BundleDeployment that nothing derives cannot
//     remain. Its agent uninstalls when it sees that, inside and outside of a window, as
//     Fleet's agent does.
//
// # Costs
//
// A pass looks at all Schedules and all Clusters of their namespaces. It runs whenever one of
// these or a ClusterGroup changes other than by reports, and when a window opens or closes. It
// writes only differences: at most one patch for each Schedule and each Cluster. The next pass
// comes after nine times the duration of the last one, at most after five seconds. A Schedule
// whose write fails delays no other. It is tried again after five seconds, then more rarely, up
// to once a minute.
//
// # Concurrency
//
// Run may be called again after it has returned. Two processes may follow Schedules at a time.
package schedule
