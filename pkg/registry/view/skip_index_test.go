// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

// TestAWatchOfOneNamespaceMissesNothingThatItSkips compares what the skip index finds with
// a look at every revision, from each revision that the log holds.
func TestAWatchOfOneNamespaceMissesNothingThatItSkips(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 4 {
		b := NewBuilder(Limits{Revisions: 100 + r.IntN(300), Changes: 2000})
		v, at := b.Load(7), int64(7)
		for range 600 {
			at += 1 + int64(r.IntN(2))
			for range r.IntN(4) {
				name := record.Name{Namespace: fmt.Sprint("n", r.IntN(200)), Name: fmt.Sprint("x", r.IntN(2))}
				if r.IntN(4) == 0 {
					b.Delete(record.Clusters, name)
				} else {
					b.Put(record.Clusters, &Object{ID: name, At: VersionAt(at)})
				}
			}
			v = b.Next(at)
		}
		scopes := []record.Name{{}, {Namespace: "n41", Name: "x1"}, {Namespace: "none"}}
		for n := range 200 {
			scopes = append(scopes, record.Name{Namespace: fmt.Sprint("n", n)})
		}
		for _, in := range scopes {
			for from := v.Oldest; from <= v.Revision; from += 1 + int64(r.IntN(100)) {
				revisions, err := v.Since(from)
				require.NoError(t, err)
				var want, got []*Change
				var wantAt, gotAt []int64
				for _, r := range revisions {
					if changes := r.Changes(record.Clusters, in.Namespace, in.Name); len(changes) > 0 {
						want, wantAt = append(want, changes...), append(wantAt, r.At)
					}
				}
				since, err := v.ChangesSince(VersionAt(from), record.Clusters, in.Namespace, in.Name)
				require.NoError(t, err)
				for placed := range since {
					got, gotAt = append(got, placed.Changes...), append(gotAt, placed.Revision)
				}
				require.Equal(t, wantAt, gotAt)
				require.True(t, slices.Equal(want, got), "the same pointers, not only equal changes")
				within := before(from, r.IntN(4))
				rest, err := v.ChangesSince(within, record.Clusters, in.Namespace, in.Name)
				require.NoError(t, err)
				require.Equal(t, after(v, within, in), versions(rest), "from %s", within)
			}
		}
		_, err := v.ChangesSince(VersionAt(v.Oldest-1), record.Clusters, "n3", "")
		require.ErrorIs(t, err, ErrCompacted)
	}
}

// after returns the versions of all changes after a version. It looks at every revision.
func after(v *View, from Version, in record.Name) (out []Version) {
	for _, r := range v.log {
		all := r.changes[record.Clusters]
		for i, c := range all {
			at := VersionAt(r.At) - Version(len(all)-1-i)
			if at > from && (in.Namespace == "" || c.Name.Namespace == in.Namespace) && (in.Name == "" || c.Name.Name == in.Name) {
				out = append(out, at)
			}
		}
	}
	return out
}

func versions(changes iter.Seq[Placed]) (out []Version) {
	for placed := range changes {
		for i, c := range placed.Changes {
			out = append(out, placed.Version(i))
			if c.Next != nil && c.Next.Version() != placed.Version(i) {
				return nil
			}
		}
	}
	return out
}
