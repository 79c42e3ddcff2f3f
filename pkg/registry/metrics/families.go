// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"maps"
	"slices"

	"k8s.io/component-base/metrics"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

// family is one metric: its name, and how to read it.
type family struct {
	name   string
	kind   metrics.ValueType
	help   string
	labels []string
	read   func(s *scrape, emit emit)
}

type emit func(value float64, labels ...string)

func ofEngine[T int | int64](number func(*scrape) T) func(*scrape, emit) {
	return func(s *scrape, emit emit) { emit(float64(number(s))) }
}

// ofSpace reads one number of what etcd's members say about their databases.
func ofSpace(number func(etcd.Space) int64) func(*scrape, emit) {
	return func(s *scrape, emit emit) {
		if s.Space.Known {
			emit(float64(number(s.Space)))
		}
	}
}

// ofView reads one number of the view, if the replica has one.
func ofView[T int | int64](number func(*figures) T) func(*scrape, emit) {
	return func(s *scrape, emit emit) {
		if s.figures != nil {
			emit(float64(number(s.figures)))
		}
	}
}

// ofStores reads one number of each resource's stores.
func ofStores(number func(*storage.Counters) int64) func(*scrape, emit) {
	return func(s *scrape, emit emit) {
		if s.activity == nil {
			return
		}
		for resource, counters := range s.activity.All() {
			emit(float64(number(counters)), resource)
		}
	}
}

var byResource = []string{"resource"}

// families are all metrics except the histograms.
var families = []family{
	{
		name: "muster_ready", kind: metrics.GaugeValue,
		help: "1 while this replica's reads are right, 0 while it loads, is behind or has lost etcd.",
		read: func(s *scrape, emit emit) {
			if s.Ready {
				emit(1)
			} else {
				emit(0)
			}
		},
	}, {
		name: "muster_closed", kind: metrics.GaugeValue,
		help: "1 while this replica shows nothing because etcd was restored and no operator has opened it.",
		read: func(s *scrape, emit emit) {
			if s.Restored != nil {
				emit(1)
			} else {
				emit(0)
			}
		},
	}, {
		name: "muster_restore_bundledeployments", kind: metrics.GaugeValue, labels: []string{"change"},
		help: "How many BundleDeployments agents would install, change or uninstall once a closed replica is opened; 0 while it is open, absent if it does not know what clients were shown.",
		read: func(s *scrape, emit emit) {
			var difference engine.Difference
			if s.Restored != nil {
				if s.Restored.Shown == nil {
					return
				}
				difference = s.Restored.Difference
			}
			emit(float64(difference.Install), "install")
			emit(float64(difference.Change), "change")
			emit(float64(difference.Uninstall), "uninstall")
		},
	}, {
		name: "muster_view_revision", kind: metrics.GaugeValue,
		help: "The etcd revision up to which this replica shows everything.",
		read: ofEngine(func(s *scrape) int64 { return s.Revision }),
	}, {
		name: "muster_etcd_revision", kind: metrics.GaugeValue,
		help: "The newest etcd revision that this replica knows of, from quorum reads or the log.",
		read: ofEngine(func(s *scrape) int64 { return max(s.Seen, s.Revision) }),
	}, {
		name: "muster_etcd_full", kind: metrics.GaugeValue,
		help: "1 while etcd refuses writes because a member's database has reached its quota (the alarm NOSPACE), 0 while it does not; absent before a member has answered.",
		read: ofSpace(func(s etcd.Space) int64 {
			if s.Full {
				return 1
			}
			return 0
		}),
	}, {
		name: "muster_etcd_db_size_bytes", kind: metrics.GaugeValue,
		help: "The size of the largest member's database, with its free pages; absent before a member has answered.",
		read: ofSpace(func(s etcd.Space) int64 { return s.Size }),
	}, {
		name: "muster_etcd_db_quota_bytes", kind: metrics.GaugeValue,
		help: "The size of that database at which etcd refuses writes; 0 if etcd does not say so (before 3.6), absent before a member has answered.",
		read: ofSpace(func(s etcd.Space) int64 { return s.Quota }),
	}, {
		name: "muster_view_lag_revisions", kind: metrics.GaugeValue,
		help: "How many revisions the view is behind the newest one that a quorum read returned.",
		read: ofEngine(func(s *scrape) int64 { return max(0, s.Seen-s.Revision) }),
	}, {
		name: "muster_view_age_seconds", kind: metrics.GaugeValue,
		help: "Time since the view was last known to hold everything committed; absent before the first time.",
		read: func(s *scrape, emit emit) {
			if s.Age >= 0 {
				emit(s.Age.Seconds())
			}
		},
	}, {
		name: "muster_records_applied_total", kind: metrics.CounterValue,
		help: "Records taken from etcd's log since the process started; the initial load is not counted.",
		read: ofEngine(func(s *scrape) int64 { return s.Records }),
	}, {
		name: "muster_records_passed_over_total", kind: metrics.CounterValue,
		help: "Records that could not be decoded and were skipped; the server's log names each key.",
		read: ofEngine(func(s *scrape) int64 { return s.Undecodable }),
	}, {
		name: "muster_undecodable_records", kind: metrics.GaugeValue,
		help: "Records in etcd that cannot be decoded now: their objects are shown as they last were, or not at all.",
		read: ofEngine(func(s *scrape) int { return s.UndecodableNow }),
	}, {
		name: "muster_loads_total", kind: metrics.CounterValue,
		help: "Full loads of the state: one at the start; more if etcd was compacted beyond a replica that had lost it, if etcd was restored, or if its history cannot be decrypted.",
		read: ofEngine(func(s *scrape) int64 { return s.Loads }),
	}, {
		name: "muster_self_audits_total", kind: metrics.CounterValue,
		help: "Self-audits: comparisons of a share of the state with what the records in etcd mean.",
		read: ofEngine(func(s *scrape) int64 { return s.Audits }),
	}, {
		name: "muster_self_audit_objects_total", kind: metrics.CounterValue,
		help: "Objects that self-audits compared.",
		read: ofEngine(func(s *scrape) int64 { return s.Audited }),
	}, {
		name: "muster_self_audit_differences_total", kind: metrics.CounterValue,
		help: "Objects that self-audits found wrong. The replica was not ready until it had rebuilt its state.",
		read: ofEngine(func(s *scrape) int64 { return s.Differences }),
	}, {
		name: "muster_evaluations_total", kind: metrics.CounterValue,
		help: "Bundles evaluated on a Cluster since the last load: the work that edits cause.",
		read: ofEngine(func(s *scrape) int { return s.Evaluations }),
	}, {
		name: "muster_index_selectors", kind: metrics.GaugeValue, labels: []string{"filing"},
		help: "Distinct selectors in the index: filed ones are found by a label, loose ones have no positive requirement and are visited by each full match.",
		read: func(s *scrape, emit emit) {
			emit(float64(s.Filed), "filed")
			emit(float64(s.Loose), "loose")
		},
	}, {
		name: "muster_objects", kind: metrics.GaugeValue, labels: byResource,
		help: "Objects in the view.",
		read: func(s *scrape, emit emit) {
			if s.figures == nil {
				return
			}
			for _, resource := range slices.Sorted(maps.Keys(s.objects)) {
				emit(float64(s.objects[resource]), resource)
			}
		},
	}, {
		name: "muster_bundles_failing", kind: metrics.GaugeValue,
		help: "Bundles whose newest version fails on some Cluster; the Ready condition of each says why.",
		read: ofView(func(f *figures) int { return f.failing }),
	}, {
		name: "muster_history_oldest_revision", kind: metrics.GaugeValue,
		help: "The oldest revision at which a watch can resume or a list can continue.",
		read: ofView(func(f *figures) int64 { return f.oldest }),
	}, {
		name: "muster_history_revisions", kind: metrics.GaugeValue,
		help: "Revisions held for watches to resume.",
		read: ofView(func(f *figures) int { return f.history.Revisions }),
	}, {
		name: "muster_history_changes", kind: metrics.GaugeValue,
		help: "Changes of objects in the revisions held.",
		read: ofView(func(f *figures) int { return f.history.Changes }),
	}, {
		name: "muster_history_bytes", kind: metrics.GaugeValue,
		help: "An estimate of the memory that the revisions held take beyond the current state.",
		read: ofView(func(f *figures) int64 { return f.history.Bytes }),
	}, {
		name: "muster_watches", kind: metrics.GaugeValue, labels: byResource,
		help: "Watches open now.",
		read: ofStores(func(c *storage.Counters) int64 { return c.Watches.Load() }),
	}, {
		name: "muster_watch_events_total", kind: metrics.CounterValue, labels: byResource,
		help: "Events sent to watches, not counting bookmarks.",
		read: ofStores(func(c *storage.Counters) int64 { return c.Events.Load() }),
	}, {
		name: "muster_objects_rendered_total", kind: metrics.CounterValue, labels: byResource,
		help: "Objects built for answers and for events; watches that send an event at about the same time share its object.",
		read: ofStores(func(c *storage.Counters) int64 { return c.Rendered.Load() }),
	}, {
		name: "muster_watches_expired_total", kind: metrics.CounterValue, labels: byResource,
		help: "Watches whose clients had to list again (410), because the history no longer reached back to their revision.",
		read: ofStores(func(c *storage.Counters) int64 { return c.Expired.Load() }),
	}, {
		name: "muster_watches_ended_unready_total", kind: metrics.CounterValue, labels: byResource,
		help: "Watches that ended because this replica was no longer ready; their clients resume on another.",
		read: ofStores(func(c *storage.Counters) int64 { return c.Unready.Load() }),
	}, {
		name: "muster_writes_total", kind: metrics.CounterValue, labels: []string{"resource", "result"},
		help: "Writes: committed in a transaction to etcd; replanned, because what they depended on had changed; failed, because etcd answered a transaction with an error, or not, or did not answer the read before it; unready, refused because this replica was not ready.",
		read: func(s *scrape, emit emit) {
			if s.activity == nil {
				return
			}
			for resource, counters := range s.activity.All() {
				emit(float64(counters.Committed.Load()), resource, "committed")
				emit(float64(counters.Replanned.Load()), resource, "replanned")
				emit(float64(counters.Failed.Load()), resource, "failed")
				emit(float64(counters.Refused.Load()), resource, "unready")
			}
		},
	},
}
