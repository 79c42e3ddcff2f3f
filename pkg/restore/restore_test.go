// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestAMarkIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, mark := range []engine.Mark{{}, {Cluster: 1, Revision: 1}, {Cluster: 1<<64 - 1, Revision: 1<<63 - 1}} {
		var lease coordinationv1.Lease
		write(&lease, mark, &metav1.MicroTime{})
		got, err := read(&lease)
		require.NoError(t, err)
		require.Equal(t, mark, got)
	}
	got, err := read(nil)
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestAWrongAnnotationIsNamed(t *testing.T) {
	t.Parallel()
	for annotation, values := range map[string][]string{
		ClusterAnnotation:  {"xyz", "-1", "10000000000000000"},
		RevisionAnnotation: {"ff", "1.5", "9223372036854775808"},
	} {
		for _, value := range values {
			lease := coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{annotation: value}}}
			_, err := read(&lease)
			require.ErrorContains(t, err, annotation)
			require.ErrorContains(t, err, value)
		}
	}
}

func TestAListIsReadInAnyOrder(t *testing.T) {
	t.Parallel()
	list, err := parse(strings.NewReader("b/a s-1:x\n\na-b/c s-2:y\na/d s-3:z\n"))
	require.NoError(t, err)
	var names []string
	list(func(name record.Name, id string) bool {
		names = append(names, name.String()+" "+id)
		return true
	})
	require.Equal(t, []string{"a/d s-3:z", "a-b/c s-2:y", "b/a s-1:x"}, names)
}

func TestAWrongLineOfAListIsNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a/b s-1:x\nwithout-namespace s-1:x", "a/b s-1:x\na/b", "a/b s-1:x\na/b s-1:x more"} {
		_, err := parse(strings.NewReader(text))
		require.ErrorContains(t, err, "line 2")
	}
}

func TestANameThatOccursTwiceInAListIsRefused(t *testing.T) {
	t.Parallel()
	_, err := parse(strings.NewReader("a/b s-1:x\na/c s-1:x\na/b s-2:y\n"))
	require.ErrorContains(t, err, "a/b occurs twice")
}

func TestTheLeaseNeedsANamespace(t *testing.T) {
	t.Parallel()
	o := NewOptions("")
	require.Len(t, o.Validate(), 1)
	o.Name = ""
	require.Empty(t, o.Validate())
	lease, err := New(o, nil)
	require.NoError(t, err)
	options := engine.DefaultOptions()
	require.NoError(t, lease.Apply(t.Context(), &options))
	require.Nil(t, options.Known, "no Lease remembers nothing")
}
