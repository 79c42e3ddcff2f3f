// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// profileAnnotation of a Cluster names its profile.
const profileAnnotation = "muster.fleet.cattle.io/cluster-profile"

// profileOf returns the name of the profile to which a Cluster belongs, and whether the Cluster
// names it.
func profileOf(cluster metav1.Object) (name record.Name, named bool) {
	text, named := cluster.GetAnnotations()[profileAnnotation]
	if !named {
		return record.Name{Namespace: cluster.GetNamespace(), Name: cluster.GetName()}, false
	}
	namespace, rest, qualified := strings.Cut(text, "/")
	if !qualified {
		return record.Name{Namespace: cluster.GetNamespace(), Name: text}, true
	}
	return record.Name{Namespace: namespace, Name: rest}, true
}

// belonging holds which Clusters name which profile.
type belonging struct {
	mu struct {
		sync.Mutex
		profiles map[record.Name]record.Name          // by Cluster
		clusters map[record.Name]map[record.Name]bool // by profile
	}
}

func newBelonging() *belonging {
	b := &belonging{}
	b.mu.profiles, b.mu.clusters = map[record.Name]record.Name{}, map[record.Name]map[record.Name]bool{}
	return b
}

// set notes the profile that a Cluster names; object is nil if the Cluster is gone.
func (b *belonging) set(cluster record.Name, object metav1.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, was := b.mu.profiles[cluster]; was {
		delete(b.mu.profiles, cluster)
		if delete(b.mu.clusters[old], cluster); len(b.mu.clusters[old]) == 0 {
			delete(b.mu.clusters, old)
		}
	}
	if object == nil {
		return
	}
	profile, named := profileOf(object)
	if !named {
		return
	}
	b.mu.profiles[cluster] = profile
	if b.mu.clusters[profile] == nil {
		b.mu.clusters[profile] = map[record.Name]bool{}
	}
	b.mu.clusters[profile][cluster] = true
}

// of returns the Clusters that may belong to a profile: those that name it, and the one with
// its name, which may name another.
func (b *belonging) of(profile record.Name) []record.Name {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []record.Name{profile}
	for cluster := range b.mu.clusters[profile] {
		if cluster != profile {
			all = append(all, cluster)
		}
	}
	return all
}
