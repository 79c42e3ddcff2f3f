// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// evidence is what speaks for the removal of what has no owner.
//
// That an owner is not there is no reason: an etcd that is empty, or was put back
// from a list of objects, or is not the right one knows of nobody; beside a Fleet
// that still works Muster knows of nobody yet. Each agent's account would go, and
// all of them would have to register again. So an object goes at once if the log
// told that its owner went; and after a grace, in which a person can put right what
// is wrong, if it was made here. What Fleet made goes only with an owner that was seen
// to go.
type evidence struct {
	grace time.Duration
	mu    struct {
		sync.Mutex
		went  map[went]time.Time
		alone map[types.UID]time.Time // objects without an owner, since when
		said  map[types.UID]struct{}  // objects of which a person was told
		tidy  int                     // how many have gone when the old are forgotten
	}
}

// went is an owner that the log told the end of.
type went struct {
	owner owner
	uid   types.UID
}

func newEvidence(grace time.Duration) *evidence {
	e := &evidence{grace: grace}
	e.mu.went, e.mu.alone = map[went]time.Time{}, map[types.UID]time.Time{}
	e.mu.said = map[types.UID]struct{}{}
	return e
}

// saw notes that an owner went. It is remembered for a grace.
func (e *evidence) saw(o owner, uid types.UID, now time.Time) {
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

// wait is how long an object stays that has no owner; never says that it stays for
// good. uid is that of the owner it was made for, "" if it does not say; absent tells
// that there is nobody of the owner's name, rather than somebody else.
func (e *evidence) wait(object types.UID, o owner, uid types.UID, absent bool, now time.Time) (rest time.Duration, never bool) {
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

// forget is told of objects that are gone, or have their owner back.
func (e *evidence) forget(object types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.mu.alone, object)
	delete(e.mu.said, object)
}

// sayOnce tells if nobody was told of an object yet. It forgets, and may say it again,
// rather than remember without end.
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

// mostSaid is of how many objects it is remembered that a person was told.
const mostSaid = 10_000
