// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"iter"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Deployments are names of BundleDeployments with their deployment IDs, ordered by name.
type Deployments = iter.Seq2[record.Name, string]

// Difference counts what agents do when the BundleDeployments that they see change.
type Difference struct{ Install, Change, Uninstall int }

// String returns the counts in words, such as "install 2, change 0 and uninstall 1
// BundleDeployments".
func (d Difference) String() string {
	return fmt.Sprintf("install %d, change %d and uninstall %d BundleDeployments", d.Install, d.Change, d.Uninstall)
}

// DeploymentsOf returns the BundleDeployments of a view.
func DeploymentsOf(v *view.View) Deployments {
	return func(yield func(record.Name, string) bool) {
		for item := range v.All(record.BundleDeployments, record.Name{}) {
			b, ok := item.(*view.BundleDeployment)
			if ok && !yield(b.Name(), b.Content.DeploymentID) {
				return
			}
		}
	}
}

// Compare counts what agents would do if they saw the restored objects after what they were
// shown. each, which may be nil, is called for each difference in order of name, with an
// empty ID for a BundleDeployment that does not exist.
func (r *Restored) Compare(each func(name record.Name, was, is string)) Difference {
	return Compare(DeploymentsOf(r.Shown), DeploymentsOf(r.View), each)
}

// Compare is Restored.Compare for any BundleDeployments. It costs O(both).
func Compare(before, after Deployments, each func(name record.Name, was, is string)) (d Difference) {
	if each == nil {
		each = func(record.Name, string, string) {}
	}
	nextIs, stop := iter.Pull2(after)
	defer stop()
	name, is, more := nextIs()
	install := func() {
		d.Install++
		each(name, "", is)
		name, is, more = nextIs()
	}
	for known, was := range before {
		for more && name.Compare(known) < 0 {
			install()
		}
		switch {
		case !more || name != known:
			d.Uninstall++
			each(known, was, "")
			continue
		case is != was:
			d.Change++
			each(known, was, is)
		}
		name, is, more = nextIs()
	}
	for more {
		install()
	}
	return d
}
