// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestAnOwnerlessObjectIsRemovedOnlyWithEvidence(t *testing.T) {
	t.Parallel()
	const grace = time.Hour
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	o := Owner{record.Clusters, record.Name{Namespace: "ns", Name: "c"}}
	other := Owner{record.Clusters, record.Name{Namespace: "ns", Name: "other"}}
	for _, c := range []struct {
		name   string
		saw    map[Owner]types.UID
		uid    types.UID
		absent bool
		later  time.Duration
		rest   time.Duration
		never  bool
	}{
		{"no owner was seen to go: an object of ours has a grace", nil, "1", true, 0, grace, false},
		{"the grace runs", nil, "1", true, 40 * time.Minute, 20 * time.Minute, false},
		{"the grace is over", nil, "1", true, 61 * time.Minute, 0, false},
		{"no owner was seen to go: an object of Fleet stays", nil, "", true, 100 * grace, 0, true},
		{"its owner was seen to go", map[Owner]types.UID{o: "1"}, "1", true, 0, 0, false},
		{"its owner was seen to go, and another one has its name", map[Owner]types.UID{o: "1"}, "1", false, 0, 0, false},
		{"an owner of its name was seen to go, and none has it now", map[Owner]types.UID{o: "2"}, "1", true, 0, 0, false},
		{"an owner of its name was seen to go, and another one has it", map[Owner]types.UID{o: "2"}, "1", false, 0, grace, false},
		{"the owner of an object of Fleet was seen to go", map[Owner]types.UID{o: "2"}, "", true, 0, 0, false},
		{"another owner was seen to go", map[Owner]types.UID{other: "1"}, "1", true, 0, grace, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(grace)
			e.wait("object", o, c.uid, c.absent, begin)
			for gone, uid := range c.saw {
				e.saw(gone, uid, begin)
			}
			rest, never := e.wait("object", o, c.uid, c.absent, begin.Add(c.later))
			require.Equal(t, c.rest, rest)
			require.Equal(t, c.never, never)
		})
	}
}

func TestAReturningOwnerRestartsTheGracePeriod(t *testing.T) {
	t.Parallel()
	e := newEvidence(time.Hour)
	begin := time.Now()
	o := Owner{"clusterregistrationtokens", record.Name{Namespace: "ns", Name: "t"}}
	e.wait("object", o, "1", true, begin)
	e.forget("object")
	rest, _ := e.wait("object", o, "1", true, begin.Add(time.Hour))
	require.Equal(t, time.Hour, rest)
}

func TestExpiredEvidenceIsEventuallyForgotten(t *testing.T) {
	t.Parallel()
	e := newEvidence(time.Hour)
	begin := time.Now()
	for range 2 {
		for i := range 30_000 {
			e.saw(Owner{"clusterregistrationtokens", record.Name{Namespace: "ns", Name: string(rune('a' + i%26))}}, types.UID(rune(i+1)), begin)
		}
		begin = begin.Add(2 * time.Hour)
	}
	require.Less(t, len(e.mu.went), 40_000)
}
