// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// log is an artificial history. It has twenty Clusters of each of the first two rings. Two
// of a ring, and four of all, may be unavailable.
type log struct {
	t        *testing.T
	revision int64
	history  *history
	err      error
}

// These are the first Clusters of the first two rings.
const (
	canary  = 0
	early   = 50
	members = 20
)

// numbers yields the numbers of all Clusters, ring by ring.
func numbers(yield func(int) bool) {
	for i := range 2 * members {
		number := canary + i
		if i >= members {
			number = early + i - members
		}
		if !yield(number) {
			return
		}
	}
}

// begin returns a log in which version 1 is on all Clusters and ready, and version 2 is
// held back.
func begin(t *testing.T) *log {
	t.Helper()
	l := &log{t: t, history: newHistory(nil)}
	for number := range numbers {
		l.write(l.cluster(number, nil, false))
	}
	l.write(l.bundle(1, true, false), l.rollout(0))
	for number := range numbers {
		l.write(l.promote(number, 1, ""))
		l.write(l.report(number, 1, "", true))
	}
	l.write(l.bundle(2, true, false))
	require.NoError(t, l.err)
	return l
}

func (l *log) write(records ...etcd.Record) {
	l.revision++
	for i := range records {
		records[i].Revision = l.revision
	}
	if l.err == nil {
		l.err = l.history.apply(etcd.Batch{Revision: l.revision, Records: records})
	}
}

func (l *log) cluster(number int, labels map[string]string, paused bool) etcd.Record {
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: scene.Namespace, Name: scene.ClusterName(number), Labels: map[string]string{scene.RingLabel: scene.RingAt(number)}}}
	for key, value := range labels {
		c.Labels[key] = value
	}
	c.Spec.Paused = paused
	return l.encode(record.ObjectKey(record.Clusters, record.Name{Namespace: scene.Namespace, Name: c.Name}), &record.Object{Object: c})
}

func (l *log) object(version int, limited, paused bool) *record.Object {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: scene.Namespace, Name: scene.Bundle.Name}}
	b.Spec.Targets, b.Spec.Paused = scene.Targets(), paused
	b.Spec.DefaultNamespace = strconv.Itoa(version)
	if limited {
		b.Spec.RolloutStrategy = scene.Strategy()
	}
	return &record.Object{Object: b, Content: fmt.Sprintf("s-%d", version)}
}

func (l *log) bundle(version int, limited, paused bool) etcd.Record {
	return l.encode(record.ObjectKey(record.Bundles, scene.Bundle), l.object(version, limited, paused))
}

// rollout returns a rollout record with a version as base; 0 means none.
func (l *log) rollout(base int) etcd.Record {
	out := record.Rollout{UID: "bundle"}
	if base > 0 {
		data, err := l.object(base, true, false).Encode()
		require.NoError(l.t, err)
		out.Base = data
	}
	data, err := json.Marshal(out)
	require.NoError(l.t, err)
	return etcd.Record{Key: record.RolloutKey(scene.Bundle), Value: data}
}

func (l *log) options(version int, tier string) v1alpha1.BundleDeploymentOptions {
	return v1alpha1.BundleDeploymentOptions{DefaultNamespace: strconv.Itoa(version), ServiceAccount: tier, Helm: &v1alpha1.HelmOptions{}}
}

func (l *log) id(version int, tier string) string {
	out, err := deployment(fmt.Sprintf("s-%d", version), l.options(version, tier))
	require.NoError(l.t, err)
	return out.id
}

func (l *log) name(number int) record.Name {
	return record.Name{Namespace: names.ClusterNamespace(scene.Namespace, scene.ClusterName(number)), Name: scene.Bundle.Name}
}

func (l *log) promote(number, version int, tier string) etcd.Record {
	d := &record.Deployment{ManifestID: fmt.Sprintf("s-%d", version), Options: l.options(version, tier)}
	return l.encode(record.PromotionKey(l.name(number)), &record.Promotion{UID: l.uid(number), Staged: d, Promoted: d})
}

func (l *log) uid(number int) types.UID { return types.UID(strconv.Itoa(number)) }

func (l *log) report(number, version int, tier string, ready bool) etcd.Record {
	bd := &v1alpha1.BundleDeployment{Status: v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: l.id(version, tier), Ready: ready}}
	return l.encode(record.ReportKey(record.BundleDeployments, l.name(number)), &record.Report{Status: bd, UID: l.uid(number)})
}

func (l *log) encode(key record.Key, value interface{ Encode() ([]byte, error) }) etcd.Record {
	data, err := value.Encode()
	require.NoError(l.t, err)
	return etcd.Record{Key: key, Value: data}
}

func (l *log) gone(r etcd.Record) etcd.Record {
	r.Value = nil
	return r
}

func TestBrokenPromisesAreFound(t *testing.T) {
	t.Parallel()
	gold := map[string]string{scene.TierLabel: "gold"}
	for _, c := range []struct {
		name  string
		write func(l *log)
		want  string // "" means that nothing is broken
	}{
		{"as many as may be unavailable are promoted", func(l *log) {
			l.write(l.promote(0, 2, ""), l.promote(1, 2, ""))
		}, ""},
		{"one more in the same revision", func(l *log) {
			l.write(l.promote(0, 2, ""), l.promote(1, 2, ""), l.promote(2, 2, ""))
		}, "the limit is 2"},
		{"one more in the next revision", func(l *log) {
			l.write(l.promote(0, 2, ""), l.promote(1, 2, ""))
			l.write(l.promote(2, 2, ""))
		}, "the limit is 2"},
		{"one more after one has become ready", func(l *log) {
			l.write(l.promote(0, 2, ""), l.promote(1, 2, ""))
			l.write(l.report(0, 2, "", true))
			l.write(l.promote(2, 2, ""))
		}, ""},
		{"one more after one has failed", func(l *log) {
			l.write(l.report(9, 1, "", false))
			l.write(l.promote(0, 2, ""), l.promote(1, 2, ""))
		}, "the limit is 2"},
		{"one that has failed is promoted whatever the limit", func(l *log) {
			l.write(l.report(9, 1, "", false))
			l.write(l.promote(0, 2, ""))
			l.write(l.promote(9, 2, ""))
		}, ""},
		{"one of the second ring while the first is not through", func(l *log) {
			l.write(l.promote(early, 2, ""))
		}, "are not through and the limit is 2"},
		{"one of the second ring when the first is through except for two", func(l *log) {
			for number := range members - 2 {
				l.write(l.promote(number, 2, ""))
				l.write(l.report(number, 2, "", true))
			}
			l.write(l.promote(early, 2, ""))
		}, ""},
		{"one in no ring", func(l *log) {
			l.write(l.cluster(0, map[string]string{scene.RingLabel: "none"}, false))
			l.write(l.promote(0, 2, ""))
		}, errNoRing.Error()},
		{"a promotion is taken back", func(l *log) {
			l.write(l.promote(0, 2, ""))
			l.write(l.promote(0, 1, ""))
		}, errTakenBack.Error()},
		{"a promotion record is lost", func(l *log) { l.write(l.gone(l.promote(0, 1, ""))) }, errLost.Error()},
		{"one that is no longer targeted loses its records", func(l *log) {
			l.write(l.cluster(0, map[string]string{scene.AppLabel: "none"}, false), l.gone(l.promote(0, 1, "")), l.gone(l.report(0, 1, "", true)))
		}, ""},
		{"an older record takes effect again", func(l *log) {
			l.write(l.cluster(0, map[string]string{scene.AppLabel: "none"}, false))
			l.write(l.cluster(0, nil, false))
		}, errOld.Error()},
		{"the first thing on a Cluster comes with an edit, though there are limits", func(l *log) {
			l.write(l.cluster(canary+members, nil, false), l.promote(canary+members, 2, ""))
		}, errLeaked.Error()},
		{"the first thing on a Cluster is promoted", func(l *log) {
			l.write(l.cluster(canary+members, nil, false))
			l.write(l.promote(canary+members, 2, ""))
		}, ""},
		{"a paused one is promoted", func(l *log) {
			l.write(l.cluster(0, nil, true))
			l.write(l.promote(0, 2, ""))
		}, errPaused.Error()},
		{"one is promoted while the Bundle is paused", func(l *log) {
			l.write(l.bundle(2, true, true))
			l.write(l.promote(0, 2, ""))
		}, errPaused.Error()},
		{"without limits all have the newest at once", func(l *log) { l.write(l.bundle(3, false, false)) }, ""},
		{"a paused one keeps what it has", func(l *log) {
			l.write(l.cluster(0, nil, true))
			l.write(l.bundle(3, false, false))
		}, ""},
		{"a paused one loses the record of what it has when limits are removed", func(l *log) {
			l.write(l.cluster(0, nil, true))
			l.write(l.bundle(3, false, false), l.gone(l.promote(0, 1, "")), l.gone(l.rollout(0)))
		}, errLeaked.Error()},
		{"limits are added with a version, and its base", func(l *log) {
			l.write(l.bundle(3, false, false))
			for number := range numbers {
				l.write(l.gone(l.promote(number, 1, "")))
			}
			l.write(l.bundle(4, true, false), l.rollout(3))
		}, ""},
		{"limits are added with a version, and no record of the one before", func(l *log) {
			l.write(l.bundle(3, false, false))
			for number := range numbers {
				l.write(l.gone(l.promote(number, 1, "")))
			}
			l.write(l.gone(l.rollout(0)))
			l.write(l.bundle(4, true, false))
		}, errLeaked.Error()},
		{"limits are added, and an old record takes effect again", func(l *log) {
			l.write(l.bundle(3, false, false))
			l.write(l.bundle(4, true, false), l.rollout(3))
		}, errTakenBack.Error()},
		{"the base is removed before all have their records", func(l *log) {
			l.write(l.bundle(3, false, false))
			for number := range numbers {
				l.write(l.gone(l.promote(number, 1, "")))
			}
			l.write(l.bundle(4, true, false), l.rollout(3))
			l.write(l.rollout(0))
		}, errLost.Error()},
		{"an edit changes the form, and what is promoted remains", func(l *log) { l.write(l.cluster(0, gold, false)) }, ""},
		{"an edit lets the new form through", func(l *log) { l.write(l.cluster(0, gold, false), l.promote(0, 2, "gold")) }, errLeaked.Error()},
		{"the new form is promoted", func(l *log) {
			l.write(l.cluster(0, gold, false))
			l.write(l.promote(0, 2, "gold"))
		}, ""},
		{"the old form is promoted", func(l *log) {
			l.write(l.cluster(0, gold, false))
			l.write(l.promote(0, 2, ""))
		}, errOld.Error()},
		{"a pin exists", func(l *log) { l.write(etcd.Record{Key: record.BundlePinKey(scene.Bundle), Value: []byte("{}")}) }, "a pin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := begin(t)
			c.write(l)
			if c.want == "" {
				require.NoError(t, l.err)
				return
			}
			require.ErrorContains(t, l.err, c.want)
		})
	}
}

func TestObservationsOfAgentsAreCheckedAgainstTheHistory(t *testing.T) {
	t.Parallel()
	l := begin(t)
	held := l.revision
	l.write(l.promote(0, 2, ""))
	diary := &Diary{}
	diary.Note(Seen{Revision: held + 1, Number: 0, There: true, ID: l.id(2, "")})
	diary.Note(Seen{Revision: held, Number: 0, There: true, ID: l.id(1, "")})
	for _, c := range []struct {
		name string
		more []Seen
		want string
	}{
		{"the right version", nil, ""},
		{"the new version before its time", []Seen{{Revision: held, Number: 0, There: true, ID: l.id(2, "")}}, "it should see version 1"},
		{"the old version after it", []Seen{{Revision: held + 1, Number: 0, There: true, ID: l.id(1, "")}}, "it should see version 2"},
		{"nothing, though a BundleDeployment exists", []Seen{{Revision: held + 1, Number: 1}}, "there: false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			more := &Diary{}
			for _, s := range append(diary.inOrder(), c.more...) {
				more.Note(s)
			}
			again := begin(t)
			again.history.seen = more.inOrder()
			again.write(again.promote(0, 2, ""))
			if again.err == nil {
				_, again.err = compare(again.history.seen, math.MaxInt64, again.history.now)
			}
			if c.want == "" {
				require.NoError(t, again.err)
				return
			}
			require.ErrorContains(t, again.err, c.want)
		})
	}
}
