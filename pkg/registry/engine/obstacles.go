// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// A BundleDeployment may name Secrets and ConfigMaps that the controller cannot copy
// (S 4.7). The reason is a fact, in the record of its copies. Its Bundle tells it while
// the BundleDeployment of that record is shown.

// obstructAll is obstruct for all names of a load.
func (w *work) obstructAll() {
	for name := range w.mirrors.downstream {
		w.obstruct(name)
	}
}

// obstruct makes the Bundle of a BundleDeployment tell why its copies are incomplete,
// and makes the Bundle that had the name before tell it no more.
func (w *work) obstruct(name record.Name) {
	d := w.mirrors.downstream[name]
	was := w.mirrors.obstructed[name]
	if d.Obstacle == "" && was == nil {
		return
	}
	var is *bundle
	if have := w.deployment(name); have != nil && d.Obstacle != "" && d.UID == derive.IdentityUID(have.Bundle.Bundle.UID, have.Cluster.Cluster.UID) {
		is = w.bundleOf(have)
	}
	if was != nil && was != is {
		delete(was.obstacles, name)
		delete(w.mirrors.obstructed, name)
		w.obstructed[was] = struct{}{}
	}
	if is == nil || is.obstacles[name] == d.Obstacle {
		return
	}
	if is.obstacles == nil {
		is.obstacles = map[record.Name]string{}
	}
	is.obstacles[name] = d.Obstacle
	w.mirrors.obstructed[name] = is
	w.obstructed[is] = struct{}{}
}

// obstacle is what the first BundleDeployment by name lacks; "" if none lacks anything.
func (b *bundle) obstacle() string {
	if len(b.obstacles) == 0 {
		return ""
	}
	name := slices.MinFunc(slices.Collect(maps.Keys(b.obstacles)), record.Name.Compare)
	return "BundleDeployment " + name.String() + ": " + b.obstacles[name]
}
