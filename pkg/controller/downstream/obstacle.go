// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"fmt"
	"strings"
	"sync"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// obstacle says why something cannot be copied until something else changes. Trying again
// is useless before that, and the change adds the BundleDeployment to the queue.
type obstacle string

// Error implements error.
func (o obstacle) Error() string { return string(o) }

// most limits the obstacles that the record of a BundleDeployment names, and longest their
// length in bytes.
const (
	most    = 3
	longest = 2048
)

// summary joins the obstacles of one BundleDeployment, and says how many it leaves out.
func summary(obstacles []string) string {
	shown := obstacles[:min(len(obstacles), most)]
	text := strings.Join(shown, "; ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	if left := len(obstacles) - len(shown); left > 0 {
		text += fmt.Sprintf("; and %d more", left)
	}
	return text
}

// obstacles logs each obstacle once: a source may be missing for thousands of
// BundleDeployments.
type obstacles struct {
	mu struct {
		sync.Mutex
		logged map[record.Name]string
	}
}

func newObstacles() *obstacles {
	o := &obstacles{}
	o.mu.logged = map[record.Name]string{}
	return o
}

// log logs the obstacles of a BundleDeployment if they are new; "" means that it has none.
func (o *obstacles) log(name record.Name, text string) {
	o.mu.Lock()
	before := o.mu.logged[name]
	if text == "" {
		delete(o.mu.logged, name)
	} else {
		o.mu.logged[name] = text
	}
	o.mu.Unlock()
	if text != "" && text != before {
		klog.InfoS("A BundleDeployment needs what cannot be copied", "bundleDeployment", name, "why", text)
	}
}
