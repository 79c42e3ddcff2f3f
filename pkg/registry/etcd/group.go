// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Many small writes at once are committed in groups. While transactions are under way, the
// writes that arrive wait, and are then sent as one. A group is a transaction of nested
// transactions, each with its own guards:
//
//	then  if guards of A  then  put a
//	then  if guards of B  then  put b, delete c
//	...
//
// So a failed guard of one does not affect the others, and nothing has to be retried. etcd
// evaluates all guards before it writes anything, so no two members may use a record that
// one of them writes (footprint).

const (
	// groupsUnderWay bounds the number of groups on their way to etcd. It is more than one,
	// so that the next group gathers while etcd writes the previous one to disk. It is
	// small, because many groups at once would be small groups.
	groupsUnderWay = 2
	// groupMembers, memberSize and groupBytes bound a group. etcd accepts 128 operations,
	// or guards, on all levels of a transaction together.
	groupMembers = 64
	memberSize   = 128 - groupMembers - hoistedGuards
	// hoistedGuards is the number of guard records that the members of a group can bump.
	hoistedGuards = 16
	// groupBytes is far below what etcd accepts: a large entry in its log delays the
	// entries after it.
	groupBytes = 256 << 10
)

// Observer receives measured values.
type Observer interface{ Observe(float64) }

// GroupsObservedBy returns an option that passes the number of writes in each transaction
// of CommitTogether to an observer.
func GroupsObservedBy(o Observer) Option {
	return func(l *Log) { l.together.observer = o }
}

type together struct {
	observer Observer
	mu       struct {
		sync.Mutex
		waiting  []*member
		underWay int
	}
}

type member struct {
	*prepared
	// ctx has the values of the writer's context, but does not end with it.
	ctx  context.Context
	done chan struct{}

	// The result, valid after done: the revision, and whether the guards held; or etcd's
	// err, not yet passed through outcome.
	revision int64
	ok       bool
	err      error
	// alone is set if this was the only member, so that err concerns no other.
	alone bool
}

// CommitTogether does what Commit does, for one of many small writes by many writers. It
// may put the write into one etcd transaction with others, and sends it at once if nothing
// is under way. A write whose guards do not hold does not affect the others. A guard that
// two members of a group bump is bumped even if neither of them is written.
func (l *Log) CommitTogether(ctx context.Context, txn Txn) (revision int64, ok bool, err error) {
	p, err := l.prepare(ctx, &txn)
	if err != nil {
		return 0, false, err
	}
	if !p.groupable() {
		return l.send(ctx, p)
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	m := &member{prepared: p, ctx: context.WithoutCancel(ctx), done: make(chan struct{})}
	l.join(m)
	select {
	case <-m.done:
	case <-ctx.Done():
		if l.together.leave(m) {
			return 0, false, fmt.Errorf("%w before it was sent: %w", ErrRefused, ctx.Err())
		}
		return 0, false, fmt.Errorf("commit: %w", ctx.Err())
	}
	switch {
	case m.err == nil:
		return m.revision, m.ok, nil
	case !m.alone && codeOf(m.err) == codes.InvalidArgument:
		// etcd has refused the group's request and written nothing. To find the member that
		// caused it, each is sent alone.
		return l.send(ctx, p)
	default:
		return l.outcome(ctx, p.txn, p.puts, m.err)
	}
}

// join adds a write to those that wait for the next group, and makes sure that a goroutine
// sends it.
func (l *Log) join(m *member) {
	t := &l.together
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.waiting = append(t.mu.waiting, m)
	if t.mu.underWay < groupsUnderWay {
		t.mu.underWay++
		go l.sendGroups()
	}
}

// leave removes a waiting write. It returns false if the write is already under way.
func (t *together) leave(m *member) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.mu.waiting, m)
	if at < 0 {
		return false
	}
	t.mu.waiting = slices.Delete(t.mu.waiting, at, at+1)
	return true
}

func (l *Log) sendGroups() {
	for {
		members := l.together.next()
		if members == nil {
			return
		}
		if l.together.observer != nil {
			l.together.observer.Observe(float64(len(members)))
		}
		l.sendGroup(members)
	}
}

// next returns the next group. It returns nil if no write waits, and then no longer counts
// the caller as under way.
func (t *together) next() []*member {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.waiting) == 0 {
		t.mu.underWay--
		return nil
	}
	f := footprint{reads: map[record.Key]bool{}, writes: map[record.Key]bool{}, bumps: map[record.Key]bool{}}
	var members, rest []*member
	for _, m := range t.mu.waiting {
		if f.add(m.prepared) {
			members = append(members, m)
		} else {
			rest = append(rest, m)
		}
	}
	t.mu.waiting = rest
	return members
}

func (l *Log) sendGroup(members []*member) {
	defer func() {
		for _, m := range members {
			close(m.done)
		}
	}()
	// A writer that gives up must not cancel the writes of the others.
	ctx, cancel := context.WithTimeout(members[0].ctx, commitTimeout)
	defer cancel()
	if len(members) == 1 {
		m := members[0]
		m.alone = true
		m.revision, m.ok, m.err = l.transact(ctx, m.prepared)
		return
	}
	response, err := l.client.Txn(ctx).Then(groupOps(members)...).Commit()
	for i, m := range members {
		if m.err = err; err == nil {
			m.ok = response.Responses[i].GetResponseTxn().Succeeded
			m.revision = response.Header.Revision
		}
	}
}

// groupOps returns one operation for each member, in their order, and then one for each
// guard that several of them bump: etcd does not accept two puts of a record.
func groupOps(members []*member) []clientv3.Op {
	bumps := map[record.Key]int{}
	for _, m := range members {
		for key := range m.bumps {
			bumps[key]++
		}
	}
	ops := make([]clientv3.Op, 0, len(members)+len(bumps))
	hoisted := map[record.Key]clientv3.Op{}
	for _, m := range members {
		own := m.ops
		for key, op := range m.bumps {
			if bumps[key] > 1 {
				hoisted[key] = op
				own = slices.DeleteFunc(slices.Clone(own), func(other clientv3.Op) bool { return bytes.Equal(other.KeyBytes(), op.KeyBytes()) })
			}
		}
		ops = append(ops, clientv3.OpTxn(m.guards, own, nil))
	}
	for _, op := range hoisted {
		ops = append(ops, op)
	}
	return ops
}

// footprint holds the records that the members of a group read and write.
type footprint struct {
	// bumps are writes that any number of members may share.
	reads, writes, bumps map[record.Key]bool
	members, bytes       int
}

// add adds a write, and reports whether it did. It does not if the group is full, or if the
// write conflicts with a member: etcd evaluates all guards first, which then matches no
// order of the two writes. A guard record that both bump and neither compares is no
// conflict.
func (f *footprint) add(p *prepared) bool {
	if f.members > 0 && (f.members == groupMembers || f.bytes+p.size > groupBytes || f.meets(p)) {
		return false
	}
	f.members++
	f.bytes += p.size
	for _, key := range p.reads() {
		f.reads[key] = true
	}
	for _, key := range p.writes() {
		if _, bumped := p.bumps[key]; bumped {
			f.bumps[key] = true
		} else {
			f.writes[key] = true
		}
	}
	return true
}

func (f *footprint) meets(p *prepared) bool {
	for _, key := range p.reads() {
		if f.writes[key] || f.bumps[key] {
			return true
		}
	}
	more := 0
	for _, key := range p.writes() {
		_, bumped := p.bumps[key]
		switch {
		case f.writes[key], f.reads[key], f.bumps[key] && !bumped:
			return true
		case bumped && !f.bumps[key]:
			more++
		}
	}
	return len(f.bumps)+more > hoistedGuards
}
