// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// The states that add gives to objects. Other states come from the BundleDeployment or from
// the report.
const (
	objectOrphaned = "Orphaned"
	objectMissing  = "Missing"
	objectModified = "Modified"
	objectUnknown  = "Unknown"
	objectReady    = "Ready"
)

// Deployed holds the parts of a BundleDeployment that a GitRepo or HelmOp shows.
type Deployed struct {
	// Cluster is the Cluster's namespace/name.
	Cluster string
	State   v1alpha1.BundleState
	// Status is the agent's report or its Brief; nil without a report. Reports with the same
	// reports.Digest.Objects say the same about objects.
	Status *v1alpha1.BundleDeploymentStatus
	// Unlisted is the number from the digest if Status is a Brief.
	Unlisted int
}

// unreported is the status of a BundleDeployment without a report.
var unreported v1alpha1.BundleDeploymentStatus

func (d *Deployed) status() *v1alpha1.BundleDeploymentStatus {
	if d.Status == nil {
		return &unreported
	}
	return d.Status
}

// Resources returns the objects that a GitRepo or HelmOp has deployed, each once for all
// Clusters, ordered by type and ID. The list takes at most room bytes of JSON. It also
// returns what did not fit. BundleDeployments on the same Cluster keep their order.
func Resources(deployments iter.Seq[Deployed], room int) ([]v1alpha1.DeployedResource, LeftOut) {
	sorted := slices.SortedStableFunc(deployments, func(a, b Deployed) int { return cmp.Compare(a.Cluster, b.Cluster) })
	j := joined{found: map[v1alpha1.ResourceKey]*deployedObject{}}
	for i := range sorted {
		j.add(i, &sorted[i])
	}
	if len(j.found) == 0 {
		return nil, j.left
	}
	objects := make([]*deployedObject, 0, len(j.found))
	for _, o := range j.found {
		objects = append(objects, o)
	}
	slices.SortFunc(objects, (*deployedObject).compare)
	fit, room := fitting(objects, room)
	j.left.Objects = len(objects) - len(fit)
	return j.shown(fit, room), j.left
}

// shown sums up each object and lists its Clusters as long as their names fit. It begins
// with the Clusters of the last object.
func (j *joined) shown(objects []*deployedObject, room int) []v1alpha1.DeployedResource {
	out := make([]v1alpha1.DeployedResource, len(objects))
	bytes := 0
	for i, o := range slices.Backward(objects) {
		for _, at := range o.at {
			// The first state that is not Ready stands for all.
			if o.State == objectReady {
				o.State = at.state
			}
			o.IncompleteState = o.IncompleteState || at.incomplete
			list := bucket(&o.PerClusterState, at.state)
			if list == nil {
				continue
			}
			size := len(at.cluster) + nameSize
			if len(*list) == 0 {
				size += listSize
			}
			if bytes >= nameBytes || room < size {
				room = 0 // so that no later name is listed
				j.left.Names++
				continue
			}
			*list = append(*list, at.cluster)
			bytes += len(at.cluster)
			room -= size
		}
		out[i] = o.DeployedResource
	}
	return out
}

// joined holds the objects of many BundleDeployments.
type joined struct {
	found map[v1alpha1.ResourceKey]*deployedObject
	// listed holds the objects of the last BundleDeployment. The next one usually lists the
	// same in the same order, so looking here first saves a look-up in the map.
	listed []*deployedObject
	// said counts the objects that BundleDeployments list, with repetitions.
	said int
	left LeftOut
}

// add adds the i-th BundleDeployment and the state of each of its objects. An object has the
// state of the BundleDeployment unless the report names it as modified or not ready.
func (j *joined) add(i int, d *Deployed) {
	status := d.status()
	resources, said := reports.Listed(status), reports.Explain(status)
	j.left.Unlisted += d.Unlisted
	if d.Unlisted == 0 {
		j.left.Unlisted += len(status.Resources) - len(resources)
	}
	if j.said += len(resources); j.said > mostSaid {
		j.left.Unlisted += len(resources)
		return
	}
	incomplete := reports.Incomplete(status)
	state := string(d.State)
	// A BundleDeployment is NotReady or Modified because of some of its objects. The others
	// are Ready, or Unknown if the report does not list all of the former.
	if d.State == v1alpha1.NotReady || d.State == v1alpha1.Modified {
		state = objectReady
		if incomplete {
			state = objectUnknown
		}
	}
	at := objectAt{deployment: i, cluster: d.Cluster, state: state, incomplete: incomplete}
	for k := range resources {
		r := &resources[k]
		key := v1alpha1.ResourceKey{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name}
		if k == len(j.listed) {
			j.listed = append(j.listed, j.object(key))
		} else if j.listed[k] == nil || !j.listed[k].is(key) {
			j.listed[k] = j.object(key)
		}
		j.set(j.listed[k], at)
	}
	for k := range said.NonReadyStatus {
		r := &said.NonReadyStatus[k]
		at.state = r.Summary.State
		j.set(j.object(v1alpha1.ResourceKey{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name}), at)
	}
	for k := range said.ModifiedStatus {
		r := &said.ModifiedStatus[k]
		at.state = objectModified
		switch {
		case r.Delete:
			at.state = objectOrphaned
		case r.Create:
			at.state = objectMissing
		}
		j.set(j.object(v1alpha1.ResourceKey{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name}), at)
	}
}

// object returns the object with a key, or nil if too many others were found before.
func (j *joined) object(key v1alpha1.ResourceKey) *deployedObject {
	o := j.found[key]
	if o == nil && len(j.found) < mostFound {
		o = newDeployedObject(key)
		j.found[key] = o
	}
	return o
}

func (j *joined) set(o *deployedObject, at objectAt) {
	if o == nil {
		j.left.Unlisted++
		return
	}
	o.set(at)
}

// deployedObject is an object on its Clusters.
type deployedObject struct {
	v1alpha1.DeployedResource
	at []objectAt
}

// objectAt holds what one BundleDeployment says about an object.
type objectAt struct {
	deployment     int
	cluster, state string
	incomplete     bool
}

func (o *deployedObject) is(key v1alpha1.ResourceKey) bool {
	return o.Name == key.Name && o.Kind == key.Kind && o.Namespace == key.Namespace && o.APIVersion == key.APIVersion
}

// set records what a BundleDeployment says. It replaces what the same one said before.
func (o *deployedObject) set(at objectAt) {
	if last := len(o.at) - 1; last >= 0 && o.at[last].deployment == at.deployment {
		o.at[last] = at
		return
	}
	o.at = append(o.at, at)
}

func newDeployedObject(key v1alpha1.ResourceKey) *deployedObject {
	id := key.Name
	if key.Namespace != "" {
		id = key.Namespace + "/" + key.Name
	}
	return &deployedObject{DeployedResource: v1alpha1.DeployedResource{
		APIVersion: key.APIVersion,
		Kind:       key.Kind,
		Type:       objectType(key.APIVersion, key.Kind),
		ID:         id,
		Namespace:  key.Namespace,
		Name:       key.Name,
		State:      objectReady,
	}}
}

// objectType returns the kind in lower case, preceded by its group and a dot unless that is
// the core group.
func objectType(apiVersion, kind string) string {
	kind = strings.ToLower(kind)
	group, _, _ := strings.Cut(apiVersion, "/")
	if group == "" || group == "v1" {
		return kind
	}
	return group + "." + kind
}

// compare orders by type and ID, and then by the rest: versions of one type share these two.
func (o *deployedObject) compare(other *deployedObject) int {
	return cmp.Or(
		cmp.Compare(o.Type+"/"+o.ID, other.Type+"/"+other.ID),
		cmp.Compare(o.APIVersion, other.APIVersion),
		cmp.Compare(o.Kind, other.Kind),
		cmp.Compare(o.Namespace, other.Namespace),
	)
}

// bucket returns the list of Clusters for objects in a state, or nil if that state has none.
func bucket(states *v1alpha1.PerClusterState, state string) *[]string {
	switch state {
	case objectReady:
		return &states.Ready
	case string(v1alpha1.WaitApplied):
		return &states.WaitApplied
	case string(v1alpha1.Pending):
		return &states.Pending
	case objectModified:
		return &states.Modified
	case objectOrphaned:
		return &states.Orphaned
	case objectMissing:
		return &states.Missing
	case objectUnknown:
		return &states.Unknown
	case string(v1alpha1.NotReady), "updating", "error":
		return &states.NotReady
	}
	return nil
}
