// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// evidence holds the reasons to remove an object that has no owner.
//
// That the owner does not exist is no reason. An etcd that is empty, was restored from a
// list of objects, or is the wrong one has no owners; beside a Fleet that still works,
// Muster has none yet. Each agent's account would be removed, and all agents would have to
// register again. So an object is removed at once if the log showed that its owner went. If
// it was made by this package, it is removed after a grace, in which an operator can put
// right what is wrong. What Fleet made is removed only after an owner that was seen to go.
type evidence struct {
	grace time.Duration
	mu    struct {
		sync.Mutex
		went  map[went]time.Time
		alone map[types.UID]time.Time // objects without an owner, since when
		said  map[types.UID]struct{}  // objects that were logged
		tidy  int                     // length of went at which old entries are dropped
	}
}

// went is an owner that the log showed to go.
type went struct {
	owner Owner
	uid   types.UID
}

func newEvidence(grace time.Duration) *evidence {
	e := &evidence{grace: grace}
	e.mu.went, e.mu.alone = map[went]time.Time{}, map[types.UID]time.Time{}
	e.mu.said = map[types.UID]struct{}{}
	return e
}

// saw notes that an owner went. It remembers that for the time of grace.
func (e *evidence) saw(o Owner, uid types.UID, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.went[went{o, uid}], e.mu.went[went{o, ""}] = now, now
	if len(e.mu.went) < e.mu.tidy {
		return
	}
	for key, at := range e.mu.went {
		if now.Sub(at) > e.grace {
			delete(e.mu.went, key)
		}
	}
	e.mu.tidy = max(1000, 2*len(e.mu.went))
}

// wait returns how long an object without an owner stays; never means for good. uid names
// the owner for which it was made, "" if it is not known. absent says that no owner has the
// name now; otherwise another one has it.
func (e *evidence) wait(object types.UID, o Owner, uid types.UID, absent bool, now time.Time) (rest time.Duration, never bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, found := e.mu.went[went{o, uid}]
	if !found && absent {
		_, found = e.mu.went[went{o, ""}]
	}
	if found {
		return 0, false
	}
	if uid == "" {
		return 0, true
	}
	since, found := e.mu.alone[object]
	if !found {
		e.mu.alone[object], since = now, now
	}
	return max(0, since.Add(e.grace).Sub(now)), false
}

// forget drops what is known of an object that is gone, or has its owner back.
func (e *evidence) forget(object types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.mu.alone, object)
	delete(e.mu.said, object)
}

// mostSaid limits the objects that are remembered as logged. At the limit, all are forgotten.
const mostSaid = 10_000

// sayOnce reports whether an object has not been logged yet.
func (e *evidence) sayOnce(object types.UID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, found := e.mu.said[object]; found {
		return false
	}
	if len(e.mu.said) >= mostSaid {
		clear(e.mu.said)
	}
	e.mu.said[object] = struct{}{}
	return true
}
