// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"sync"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// obstacle is why something cannot be copied until somebody changes something. To
// try again is of no use before; and the change will be told of.
type obstacle string

// Error implements error.
func (o obstacle) Error() string { return string(o) }

// obstacles tells the log of each obstacle once: a source may be missing for
// thousands of BundleDeployments.
type obstacles struct {
	mu struct {
		sync.Mutex
		told map[record.Name]string
	}
}

func newObstacles() *obstacles {
	o := &obstacles{}
	o.mu.told = map[record.Name]string{}
	return o
}

// tell notes what is in the way of a BundleDeployment; "" is nothing.
func (o *obstacles) tell(name record.Name, text string) {
	o.mu.Lock()
	before := o.mu.told[name]
	if text == "" {
		delete(o.mu.told, name)
	} else {
		o.mu.told[name] = text
	}
	o.mu.Unlock()
	if text != "" && text != before {
		klog.InfoS("A BundleDeployment needs what cannot be copied", "bundleDeployment", name, "why", text)
	}
}

// forgetUnless forgets a BundleDeployment that is not there any more.
func (o *obstacles) forgetUnless(v *view.View, name record.Name) {
	if v.Get(record.BundleDeployments, name) == nil {
		o.tell(name, "")
	}
}
