// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

var (
	app    = record.Name{Namespace: "fleet", Name: "app"}
	was    = derive.Pinned("s-old", v1alpha1.BundleDeploymentOptions{})
	newest = derive.Pinned("s-new", v1alpha1.BundleDeploymentOptions{})
)

// input returns a limited roll-out of a new content to n Clusters on which the old one is
// available.
func input(n int) rollout.Input {
	in := rollout.Input{
		Revision: 100, Bundle: app, UID: "uid", Limited: true, Strategy: &v1alpha1.RolloutStrategy{MaxUnavailable: new(intstr.FromInt32(2))},
		Recorded: true, RecordRevision: 50,
		Guards: map[record.Key]int64{
			record.ObjectKey(record.Bundles, app): 60, record.RolloutKey(app): 50, record.RolloutGuardKey(app): 70,
			record.TargetingGuardKey(): 1, record.VersionsGuardKey(): 2,
		},
	}
	for i := range n {
		name := fmt.Sprintf("c%03d", i)
		in.Targets = append(in.Targets, rollout.Target{
			Cluster: targeting.Cluster{Name: name, Namespace: "fleet"}, Key: record.Name{Namespace: "cluster-" + name, Name: "app"}, UID: types.UID(name),
			Held: true, Exists: true, Recorded: true, RecordRevision: int64(1000 + i),
			Computed: newest, Staged: was, Promoted: was, Applied: was.DeploymentID, Ready: true,
		})
	}
	return in
}

func guarded(t *testing.T, in rollout.Input, txn *etcd.Txn) {
	t.Helper()
	for key, revision := range in.Guards {
		require.Equal(t, revision, txn.Unchanged[key], key)
	}
	require.LessOrEqual(t, len(txn.Unchanged)+len(txn.NotAfter)+len(txn.UnchangedSince), etcd.MaxGuards, "etcd takes no more")
}

func promotionsIn(t *testing.T, txn *etcd.Txn) map[string]string {
	t.Helper()
	out := map[string]string{}
	for key, data := range txn.Put {
		if key.Type != record.TypePromotion {
			continue
		}
		p, err := record.DecodePromotion(data)
		require.NoError(t, err)
		require.Contains(t, txn.Unchanged, key)
		text := ""
		for _, d := range []*record.Deployment{p.Staged, p.Promoted} {
			if d != nil {
				text += strings.TrimPrefix(d.ManifestID, "s-")
			}
			text += "/"
		}
		out[string(p.UID)] = text
	}
	return out
}

func TestABatchIsAsLargeAsItMayAndEndsWithTheRest(t *testing.T) {
	t.Parallel()
	in := input(190) // 200 and more would be partitioned
	left, batches := 190, 0
	for ; ; batches++ {
		txn, err := next(in, maxBatch)
		require.NoError(t, err)
		if txn == nil {
			break
		}
		guarded(t, in, txn)
		require.LessOrEqual(t, len(txn.Put), maxBatch)
		for i := range in.Targets {
			target := &in.Targets[i]
			if data, ok := txn.Put[record.PromotionKey(target.Key)]; ok {
				require.Equal(t, target.RecordRevision, txn.Unchanged[record.PromotionKey(target.Key)])
				p, err := record.DecodePromotion(data)
				require.NoError(t, err)
				target.Staged = derive.Pinned(p.Staged.ManifestID, p.Staged.Options)
				target.Promoted = derive.Pinned(p.Promoted.ManifestID, p.Promoted.Options)
				target.RecordRevision = int64(2000 + batches)
				left--
			}
		}
	}
	require.Zero(t, left)
	require.Equal(t, 3, batches, "190 records, 64 at a time")
}

func TestPromotionsThatCountAgainstACapComeFirst(t *testing.T) {
	t.Parallel()
	in := input(5)
	in.Targets[0].Exists, in.Targets[0].Recorded, in.Targets[0].RecordRevision = false, false, 0
	in.Targets[0].Staged, in.Targets[0].Promoted, in.Targets[0].Applied, in.Targets[0].Ready = nil, nil, "", false
	in.Targets[1].Ready = false // one of two may still become unavailable
	txn, err := next(in, 1)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"c002": "new/new/"}, promotionsIn(t, txn), "an available one, before one that is created makes the count larger")
}

func TestPromotingAnUnavailableTargetGuardsItsReport(t *testing.T) {
	t.Parallel()
	in := input(4)
	in.Targets[0].Ready, in.Targets[1].Ready = false, false
	txn, err := next(in, maxBatch)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"c000": "new/new/", "c001": "new/new/", "c002": "new/old/", "c003": "new/old/"}, promotionsIn(t, txn))
	require.Equal(t, map[record.Key]int64{
		record.ReportKey(record.BundleDeployments, in.Targets[0].Key): in.Revision,
		record.ReportKey(record.BundleDeployments, in.Targets[1].Key): in.Revision,
	}, txn.NotAfter)
}

func TestTheBaseIsRecordedBeforeItIsDropped(t *testing.T) {
	t.Parallel()
	in := input(3)
	in.HasBase = true
	for i := range in.Targets {
		in.Targets[i].Recorded, in.Targets[i].RecordRevision, in.Targets[i].FromBase = false, 0, true
	}
	in.Targets[2].Recorded, in.Targets[2].FromBase = true, false
	txn, err := next(in, maxBatch)
	require.NoError(t, err)
	guarded(t, in, txn)
	require.Equal(t, map[string]string{"c000": "old/old/", "c001": "old/old/"}, promotionsIn(t, txn), "as it is, and nothing new")

	for i := range in.Targets {
		in.Targets[i].Recorded, in.Targets[i].FromBase = true, false
	}
	txn, err = next(in, maxBatch)
	require.NoError(t, err)
	guarded(t, in, txn)
	require.Equal(t, map[record.Key][]byte{record.RolloutKey(app): []byte(`{"uid":"uid"}`)}, txn.Put)
	require.Empty(t, txn.UnchangedSince, "edits of Clusters that change no target are not in the way")

	others := record.ObjectKey(record.Bundles, record.Name{Namespace: "other", Name: "app"})
	in.Contested = map[record.Key]int64{others: 40}
	txn, err = next(in, maxBatch)
	require.NoError(t, err)
	require.EqualValues(t, 40, txn.Unchanged[others], "the holder of a name keeps it")
	require.Empty(t, txn.UnchangedSince)

	for i := range etcd.MaxGuards {
		in.Contested[record.ObjectKey(record.Clusters, record.Name{Namespace: "other", Name: fmt.Sprint(i)})] = 41
	}
	txn, err = next(in, maxBatch)
	require.NoError(t, err)
	guarded(t, in, txn)
	require.Equal(t, []etcd.RangeGuard{{Resource: record.Clusters, Revision: in.Revision, Deletions: true}, {Resource: record.Bundles, Revision: in.Revision, Deletions: true}}, txn.UnchangedSince)
}

func TestUnheldRecordsAreSweptWithTheRolloutRecordLast(t *testing.T) {
	t.Parallel()
	in := input(3)
	in.Limited, in.Strategy = false, nil
	for i := range in.Targets {
		in.Targets[i].Held, in.Targets[i].Staged, in.Targets[i].Promoted = false, newest, newest
	}
	in.Targets[1].Recorded = false // it belongs to another Bundle
	txn, err := next(in, maxBatch)
	require.NoError(t, err)
	guarded(t, in, txn)
	require.ElementsMatch(t, []record.Key{record.PromotionKey(in.Targets[0].Key), record.PromotionKey(in.Targets[2].Key)}, txn.Delete)
	require.Equal(t, in.Targets[0].RecordRevision, txn.Unchanged[record.PromotionKey(in.Targets[0].Key)])

	for i := range in.Targets {
		in.Targets[i].Recorded = false
	}
	txn, err = next(in, maxBatch)
	require.NoError(t, err)
	guarded(t, in, txn)
	require.ElementsMatch(t, []record.Key{record.RolloutKey(app), record.RolloutGuardKey(app)}, txn.Delete)

	in.RecordRevision, in.Recorded = 0, false
	txn, err = next(in, maxBatch)
	require.NoError(t, err)
	require.Nil(t, txn)
}

func TestTheRolloutRecordStaysWhileAnythingIsHeld(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(in *rollout.Input){
		"the Bundle is limited":          func(in *rollout.Input) { in.Limited = true },
		"the Bundle is paused":           func(in *rollout.Input) { in.Paused = true },
		"one of its Clusters is paused":  func(in *rollout.Input) { in.Targets[1].Held, in.Targets[1].Paused = true, true },
		"it is paused and has no target": func(in *rollout.Input) { in.Paused, in.Targets = true, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(2)
			in.Limited = false
			for i := range in.Targets {
				in.Targets[i].Held, in.Targets[i].Recorded, in.Targets[i].Staged, in.Targets[i].Promoted = false, false, newest, newest
			}
			hold(&in)
			txn, err := next(in, maxBatch)
			require.NoError(t, err)
			require.Nil(t, txn)

			in.Recorded = false // it belongs to an earlier Bundle of the same name
			txn, err = next(in, maxBatch)
			require.NoError(t, err)
			require.Equal(t, []record.Key{record.RolloutKey(app)}, txn.Delete)
		})
	}
}

func TestLargeRecordsMakeSmallBatches(t *testing.T) {
	t.Parallel()
	in := input(20)
	r := rand.New(rand.NewPCG(1, 1)) // random data cannot be compressed
	text := make([]byte, 100<<10)
	for i := range text {
		text[i] = byte(' ' + r.IntN(90))
	}
	long := v1alpha1.BundleDeploymentOptions{DefaultNamespace: string(text)}
	for i := range in.Targets {
		in.Targets[i].Computed = derive.Pinned("s-long", long)
	}
	txn, err := next(in, maxBatch)
	require.NoError(t, err)
	require.Less(t, txn.Size(), 1<<20)
	require.Greater(t, len(txn.Put), 1)
	require.Less(t, len(txn.Put), 10)
}
