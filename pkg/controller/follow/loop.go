// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"
	"reflect"
	"time"

	"k8s.io/utils/clock"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Source publishes views.
type Source interface {
	// Current returns the current view, or an error before the first one is loaded.
	Current() (*view.View, error)
	// Wait returns a channel that is closed when something in the scope changes.
	Wait(scope engine.Scope) <-chan struct{}
}

// Loop calls a controller when something changed. All functions may be nil.
type Loop struct {
	Source Source
	// Resources are those whose changes wake the loop. Without any, each revision does.
	Resources []string
	// Whole looks at all of a view. It is called at first and when the changes are not known.
	Whole func(v *view.View)
	// Every is the time after which Whole is called again although all changes are known;
	// 0 is never.
	Every time.Duration
	// Changed looks at what some revisions changed, up to those of the view. There is at
	// least one, and each may have changed other resources, too.
	Changed func(v *view.View, revisions []*view.Revision)
	// Then does the work. It is called after Whole and Changed at each wake-up, and returns
	// when to call it again although nothing has changed; the zero time is never.
	Then func(ctx context.Context, v *view.View) (again time.Time)
	// Clock is the machine's if it is nil.
	Clock clock.Clock

	cursor Cursor
	due    time.Time // when Whole is to be called again
}

// Run follows the source until the context ends, and returns its error. It continues
// after the last view that the loop saw.
func (l *Loop) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wakeups := l.wakeups()
		var again time.Time
		if v, err := l.Source.Current(); err == nil { // else the first view wakes the loop
			l.See(v)
			if l.Then != nil {
				again = l.Then(ctx, v)
			}
			if l.Every > 0 && (again.IsZero() || l.due.Before(again)) {
				again = l.due
			}
		}
		l.sleep(ctx, wakeups, again)
	}
	return ctx.Err()
}

// See lets the controller look at a view, as Run does, and does not call Then.
func (l *Loop) See(v *view.View) {
	if l.Every > 0 && !l.now().Before(l.due) {
		l.Restart()
	}
	switch revisions, ok := l.cursor.Next(v); {
	case !ok:
		l.due = l.now().Add(l.Every)
		if l.Whole != nil {
			l.Whole(v)
		}
	case l.Changed != nil && len(revisions) > 0:
		l.Changed(v, revisions)
	}
}

// Restart makes the loop forget what it saw: it begins with the whole of the next view.
func (l *Loop) Restart() { l.cursor = Cursor{} }

func (l *Loop) now() time.Time { return l.clock().Now() }

func (l *Loop) clock() clock.Clock {
	if l.Clock == nil {
		return clock.RealClock{}
	}
	return l.Clock
}

func (l *Loop) wakeups() []<-chan struct{} {
	if len(l.Resources) == 0 {
		return []<-chan struct{}{l.Source.Wait(engine.Scope{})}
	}
	var channels []<-chan struct{}
	for _, resource := range l.Resources {
		channels = append(channels, l.Source.Wait(engine.Scope{Resource: resource}))
	}
	return channels
}

// sleep blocks until a channel is closed, the time has come, unless it is zero, or the
// context ends.
func (l *Loop) sleep(ctx context.Context, wakeups []<-chan struct{}, until time.Time) {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, woken := range wakeups {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(woken)})
	}
	if !until.IsZero() {
		rest := until.Sub(l.now())
		if rest <= 0 {
			return
		}
		timer := l.clock().NewTimer(rest)
		defer timer.Stop()
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(timer.C())})
	}
	reflect.Select(cases)
}
