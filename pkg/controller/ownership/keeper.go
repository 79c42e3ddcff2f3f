// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
)

// Options of a Keeper.
type Options struct {
	// Core makes objects of the core API, Metadata watches and removes them.
	Core     kubernetes.Interface
	Metadata metadata.Interface
	// Resources are the kinds of the objects; nil means all.
	Resources []schema.GroupVersionResource
	// Changed is called with the owner of each object that comes, changes or goes.
	Changed func(Owner)
	// Later is called with an owner whose objects are to be looked at after a while.
	Later func(Owner, time.Duration)
	// Belongs reports whether an object has a kind, namespace and name that its owner would
	// give it. The UID is "" where it is not known.
	Belongs func(object Object, o Owner, uid types.UID) bool
	// UserOf returns an owner that uses an object although the object belongs to another.
	// It may read the Annotations, beside those that name the owner. UserChanged is
	// called with it as Changed is with the owner. Both may be nil.
	UserOf      func(metav1.Object) (Owner, bool)
	UserChanged func(Owner)
	Annotations []string
	// Grace is how long an object stays if its owner was not seen to go, so that an operator
	// can restore the owner.
	Grace time.Duration
}

// Keeper keeps the objects of owners.
type Keeper struct {
	Options
	stores   map[schema.GroupVersionResource]cache.Indexer
	evidence *evidence
}

// New returns a Keeper. It knows no objects until Watch has returned.
func New(options Options) *Keeper {
	if options.Resources == nil {
		options.Resources = inOrderOfRemoval
	}
	if options.UserOf == nil {
		options.UserOf = func(metav1.Object) (o Owner, ok bool) { return o, false }
	}
	return &Keeper{Options: options, evidence: newEvidence(options.Grace)}
}

// Saw notes that the log showed the end of an owner.
func (k *Keeper) Saw(o Owner, uid types.UID) { k.evidence.saw(o, uid, time.Now()) }
