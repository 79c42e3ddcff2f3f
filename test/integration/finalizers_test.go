// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

// fleets are the finalizers that hold no deletion back, and others are those that do.
var (
	fleets = []string{v1alpha1.FinalizerBundle, v1alpha1.FinalizerCluster, v1alpha1.FinalizerSchedule, v1alpha1.FinalizerBundleDeployment}
	others = []string{"example.com/a", "fleet.cattle.io/gitrepo-finalizer", "fleet.cattle.io/helmop-finalizer", "fleet.cattle.io/bundle-finalizer2"}
)

// without returns the finalizers that hold a deletion back.
func without(all []string) (held []string) {
	for _, f := range all {
		if !slices.Contains(fleets, f) {
			held = append(held, f)
		}
	}
	return held
}

// some returns some of the finalizers, in any order.
func some(r *rand.Rand, of ...string) []string {
	out := []string{}
	for _, i := range r.Perm(len(of)) {
		if r.IntN(3) == 0 {
			out = append(out, of[i])
		}
	}
	return out
}

// twins are two objects that get the same requests. The first has finalizers of
// fleet-controller besides those of the second.
type twins struct {
	c    dynamic.ResourceInterface
	r    *rand.Rand
	name [2]string
	// wrote holds the finalizers that the first one was last given.
	wrote []string
}

// each sends a request to both, and requires the same answer.
func (p *twins) each(t *testing.T, what string, send func(i int, now *unstructured.Unstructured) error) {
	t.Helper()
	var answers [2]string
	for i, name := range p.name {
		answers[i] = answered(send(i, get(t, p.c, name)))
	}
	require.Equal(t, answers[1], answers[0], what)
}

func answered(err error) string {
	if err == nil {
		return "done"
	}
	return string(apierrors.ReasonForError(err))
}

// step sends a random request to both.
func (p *twins) step(t *testing.T) {
	t.Helper()
	var dry []string
	if p.r.IntN(6) == 0 {
		dry = []string{metav1.DryRunAll}
	}
	switch p.r.IntN(6) {
	case 0, 1: // new finalizers, by a merge patch or an update
		put, all := p.r.IntN(2) == 0, some(p.r, append(slices.Clone(fleets), others...)...)
		p.each(t, fmt.Sprint("the finalizers ", all), func(i int, now *unstructured.Unstructured) error {
			mine := [][]string{all, without(all)}[i]
			var err error
			if put {
				now.SetFinalizers(mine)
				_, err = p.c.Update(t.Context(), now, metav1.UpdateOptions{DryRun: dry})
			} else {
				patch := marshal(t, members{"metadata": members{"finalizers": append([]string{}, mine...)}})
				_, err = p.c.Patch(t.Context(), p.name[i], types.MergePatchType, patch, metav1.PatchOptions{DryRun: dry})
			}
			if err == nil && dry == nil && i == 0 {
				p.wrote = all
			}
			return err
		})
	case 2: // a change of something else
		label := fmt.Sprint(p.r.IntN(3))
		p.each(t, "a label", func(i int, _ *unstructured.Unstructured) error {
			_, err := p.c.Patch(t.Context(), p.name[i], types.MergePatchType, marshal(t, in("metadata", in("labels", members{"l": label}))), metav1.PatchOptions{DryRun: dry})
			return err
		})
	case 3: // a deletion of a collection
		p.each(t, "a deletion of a collection", func(i int, _ *unstructured.Unstructured) error {
			return p.c.DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{FieldSelector: "metadata.name=" + p.name[i]})
		})
	default:
		options, match := metav1.DeleteOptions{DryRun: dry}, p.r.IntN(6)
		if policy := p.r.IntN(5); policy < 3 {
			options.PropagationPolicy = &[]metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan}[policy]
		}
		p.each(t, fmt.Sprintf("a deletion, %+v, precondition %d", options, match), func(i int, now *unstructured.Unstructured) error {
			uid, version, other, old := now.GetUID(), now.GetResourceVersion(), types.UID("other"), "1"
			options.Preconditions = []*metav1.Preconditions{0: {UID: &uid}, 1: {UID: &other}, 2: {ResourceVersion: &version}, 3: {ResourceVersion: &old}, 5: nil}[match]
			return p.c.Delete(t.Context(), p.name[i], options)
		})
	}
}

// compare requires that both exist in the same state, and reports whether they do. A deletion
// has left none of fleet-controller's finalizers.
func (p *twins) compare(t *testing.T) (exist bool) {
	t.Helper()
	var both [2]*unstructured.Unstructured
	for i, name := range p.name {
		o, err := p.c.Get(t.Context(), name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			require.NoError(t, err)
			both[i] = o
		}
	}
	require.Equal(t, both[1] == nil, both[0] == nil, "one is gone, and the other is not")
	if both[0] == nil {
		return false
	}
	deleting := both[1].GetDeletionTimestamp() != nil
	require.Equal(t, deleting, both[0].GetDeletionTimestamp() != nil)
	require.Equal(t, both[1].GetGeneration(), both[0].GetGeneration())
	require.Equal(t, both[1].GetLabels(), both[0].GetLabels())
	if deleting {
		require.Equal(t, both[1].GetFinalizers(), both[0].GetFinalizers())
	} else {
		require.Equal(t, without(p.wrote), without(both[0].GetFinalizers()))
		require.ElementsMatch(t, p.wrote, both[0].GetFinalizers(), "as they were written")
	}
	return true
}

// TestFinalizersOfFleetHoldNoDeletionBack compares an object that has finalizers of
// fleet-controller with one that never had any.
func TestFinalizersOfFleetHoldNoDeletionBack(t *testing.T) {
	t.Parallel()
	s, seeds := collected(t), replay.Rand(t)
	random := map[string]*rand.Rand{}
	for _, plural := range slices.Sorted(maps.Keys(specimens)) {
		random[plural] = rand.New(rand.NewPCG(seeds.Uint64(), 0))
	}
	forEachStoredKindOf(t, s, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		r, held := random[k.Plural], 0
		for i := range 6 {
			p := &twins{c: c, r: r, name: [2]string{name("fleet", i), name("bare", i)}}
			p.wrote = some(r, append(slices.Clone(fleets), others...)...)
			if i == 0 {
				p.wrote = []string{fleets[0], others[0]}
			}
			for j, name := range p.name {
				o := k.object(name)
				o.SetFinalizers([][]string{p.wrote, without(p.wrote)}[j])
				create(t, c, o)
			}
			exist := p.compare(t)
			for range 12 {
				if exist {
					p.step(t)
					exist = p.compare(t)
				}
				if exist && get(t, c, p.name[0]).GetDeletionTimestamp() != nil {
					held++
				}
			}
			if !exist {
				continue
			}
			// In the end only finalizers of fleet-controller are left, and an object that was
			// not being deleted is deleted.
			for j, name := range p.name {
				merge(t, c, name, marshal(t, in("metadata", members{"finalizers": [][]string{fleets, {}}[j]})))
				if err := c.Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); !apierrors.IsNotFound(err) {
					require.NoError(t, err)
				}
			}
			require.False(t, p.compare(t), "finalizers of fleet-controller hold a deletion back")
		}
		t.Logf("%d states were held by other finalizers", held)
	})
}

// TestADeletionDischargesFinalizersOfFleet follows a deletion as a watch and admission see it.
func TestADeletionDischargesFinalizersOfFleet(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		only := k.object("only")
		only.SetFinalizers(fleets)
		made := create(t, c, only)
		require.Equal(t, fleets, made.GetFinalizers(), "as they were written")
		require.Equal(t, made, update(t, c, made), "an update with what was read changes nothing")
		w := watching(t, c, metav1.ListOptions{ResourceVersion: made.GetResourceVersion()})
		require.NoError(t, c.Delete(t.Context(), "only", metav1.DeleteOptions{}))
		require.Equal(t, fleets, w.expect(watch.Deleted, "only").GetFinalizers())

		held := k.object("held")
		held.SetFinalizers([]string{fleets[0], others[0], fleets[1]})
		create(t, c, held)
		require.NoError(t, c.Delete(t.Context(), "held", metav1.DeleteOptions{}))
		require.Equal(t, others[:1], get(t, c, "held").GetFinalizers(), "all but those of others are discharged")
		again := merge(t, c, "held", marshal(t, in("metadata", members{"finalizers": []string{others[0], fleets[0]}})))
		require.Equal(t, others[:1], again.GetFinalizers(), "a deletion takes no new ones")
		merge(t, c, "held", marshal(t, in("metadata", members{"finalizers": fleets[:1]})))
		_, err := c.Get(t.Context(), "held", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	})
}

// TestStoredDeletionsOfFleetAreDischarged meets records that a build stored which did not
// discharge finalizers.
func TestStoredDeletionsOfFleetAreDischarged(t *testing.T) {
	t.Parallel()
	s := shared(t)
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		for _, last := range []struct {
			name    string
			request func(name string) error
		}{
			{name: "a deletion", request: func(name string) error { return c.Delete(t.Context(), name, metav1.DeleteOptions{}) }},
			{name: "an update", request: func(name string) error {
				_, err := c.Patch(t.Context(), name, types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
				return err
			}},
			{name: "a deletion of the collection", request: func(string) error {
				return c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
			}},
		} {
			name := strings.ReplaceAll(last.name, " ", "-")
			o := k.object(name)
			o.SetFinalizers(others[:1])
			namespace := create(t, c, o).GetNamespace()
			require.NoError(t, c.Delete(t.Context(), name, metav1.DeleteOptions{}))

			key := fmt.Sprintf("log/object/%s/%s/%s", k.Plural, namespace, name)
			stored, err := s.etcd.Get(t.Context(), logPrefix+"/"+key)
			require.NoError(t, err)
			require.Len(t, stored.Kvs, 1, key)
			decoded, err := record.DecodeObject(k.Plural, stored.Kvs[0].Value)
			require.NoError(t, err)
			decoded.Object.SetFinalizers(fleets)
			data, err := decoded.Encode()
			require.NoError(t, err)
			s.put(t, key, string(record.PackObject(data)))
			require.Equal(t, fleets, get(t, c, name).GetFinalizers())

			require.NoError(t, last.request(name))
			_, err = c.Get(t.Context(), name, metav1.GetOptions{})
			require.True(t, apierrors.IsNotFound(err), "%s: %v", last.name, err)
		}
	})
}
