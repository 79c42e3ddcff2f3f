// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const editPause = 20 * time.Millisecond

// People edit Clusters, one edit after the other, while they may.
type People struct {
	*editor
	// Made counts acknowledged edits.
	Made atomic.Int64

	do      func(context.Context, Edit) bool
	end     context.CancelFunc
	gone    sync.WaitGroup
	editing bool
}

// NewPeople returns people. do makes one of their edits: it tries until the edit is
// acknowledged, or returns false when the context has ended.
func NewPeople(random *rand.Rand, do func(context.Context, Edit) bool) *People {
	return &People{editor: newEditor(random), do: do, end: func() {}}
}

// start lets them edit until stop.
func (p *People) start(ctx context.Context) {
	p.stop()
	editing, end := context.WithCancel(ctx)
	p.end, p.editing = end, true
	p.gone.Go(func() {
		pause := time.NewTicker(editPause)
		defer pause.Stop()
		for {
			select {
			case <-pause.C:
			case <-editing.Done():
				return
			}
			// An edit that has begun is finished; otherwise the state of the Cluster would
			// be unknown.
			if p.do(ctx, p.next()) {
				p.Made.Add(1)
			}
		}
	})
}

// stop returns when the last edit is acknowledged. From then on the editor knows the state
// of the Clusters.
func (p *People) stop() {
	p.end()
	p.gone.Wait()
	p.editing = false
}

// free lets roll-outs reach all Clusters; it returns false if the context ended first.
func (p *People) free(ctx context.Context) bool {
	p.stop()
	for _, e := range p.release() {
		if !p.do(ctx, e) {
			return false
		}
	}
	return true
}
