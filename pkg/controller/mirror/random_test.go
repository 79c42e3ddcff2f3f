// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

// TestEachVersionIsSeenOnlyWithItsOwnValues writes Bundle and Secret in any order, kills the
// Mirror now and then, and looks at every revision: each version is deployed with its own
// values or not at all, and a deployment that exists is never removed.
func TestEachVersionIsSeenOnlyWithItsOwnValues(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	w := newWorld(t)
	w.cluster("fleet", "c1")
	values := []string{"a", "b", "c", "d"}
	of := map[string]string{} // the value of each version
	secret, wanted := "", ""
	version := int64(0)
	write := func() {
		version++
		wanted = values[r.IntN(len(values))]
		of[fmt.Sprint("v", version)] = wanted
		b := controllertest.Bundle("app", version)
		b.Spec.TargetNamespace = fmt.Sprint("v", version)
		b.Spec.ValuesHash = record.ValuesHash(data(wanted))
		w.Save(b)
	}
	give := func(value string) {
		secret = value
		w.secret(v1alpha1.SecretTypeBundleValues, data(value))
	}
	begun := w.View()
	for range 60 {
		switch r.IntN(8) {
		case 0, 1, 2:
			write()
		case 3:
			if secret != "" {
				require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.Ctx, "app", metav1.DeleteOptions{}))
				secret = ""
			}
		case 4:
			w.stop()
			w.start()
		case 5:
			w.View() // gives the Mirror time
		default:
			give(values[r.IntN(len(values))])
		}
	}
	write()
	give(wanted)
	w.becomes(map[string]string{"c1": wanted})
	w.mirrorsBecome(record.Secrets, 1)

	revisions, err := w.View().Since(begun.Revision)
	require.NoError(t, err)
	seen := 0
	for _, revision := range revisions {
		for _, change := range revision.Changes(record.BundleDeployments, "", "") {
			require.NotNil(t, change.Next, "what was deployed is gone at revision %d", revision.At)
			seen++
			options := change.Next.Render().(*v1alpha1.BundleDeployment).Spec.Options
			require.NotNil(t, options.Helm, "%s has no values", options.TargetNamespace)
			require.Equal(t, of[options.TargetNamespace], options.Helm.Values.Data["v"], "of %s", options.TargetNamespace)
		}
	}
	require.Positive(t, seen)
}
