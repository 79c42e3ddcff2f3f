// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"k8s.io/klog/v2"
)

const (
	// spaceEvery is the time between two requests for a member's status. They use the
	// connections that exist, and a member answers without asking another.
	spaceEvery = 5 * time.Second
	// spaceKept is for how long a member's answer counts.
	spaceKept = time.Minute
)

// Space says how full etcd is.
type Space struct {
	// Known reports whether a member has answered yet.
	Known bool
	// Full reports whether etcd refuses writes for lack of space: the alarm NOSPACE, which
	// all members share.
	Full bool
	// Size is the size of the largest member's database in bytes, with its free pages.
	Size int64
	// Quota is the size at which that member refuses writes. It is 0 if the member does not
	// say so, as before etcd 3.6.
	Quota int64
}

// space holds the members' answers about their databases. The zero value is ready to use,
// except for suspected.
type space struct {
	// suspected is sent to when etcd has refused a write for lack of space.
	suspected chan struct{}
	mu        struct {
		sync.Mutex
		now     Space
		members map[uint64]memberSpace
	}
}

type memberSpace struct {
	size, quota int64
	at          time.Time
}

// Space returns how full etcd was a few seconds ago, while FollowSpace runs.
func (l *Log) Space() Space {
	l.space.mu.Lock()
	defer l.space.mu.Unlock()
	return l.space.mu.now
}

// FollowSpace asks the members how full they are until ctx ends. It logs once when etcd
// becomes full, and once when etcd accepts writes again.
func (l *Log) FollowSpace(ctx context.Context) {
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		l.lookAtSpace(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-l.space.suspected:
		}
	}
}

func (l *Log) lookAtSpace(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, spaceEvery)
	defer cancel()
	_ = l.Ping(ctx) // the pulse reports that etcd does not answer
}

// Ping returns nil if a member answers, with or without a leader, or with a refusal.
func (l *Log) Ping(ctx context.Context) error {
	answer, err := l.anyStatus(ctx)
	switch {
	case err == nil:
		l.space.note(answer)
	case unanswered(err):
		return fmt.Errorf("ask a member for its status: %w", err)
	}
	return nil
}

// anyStatus asks the next member that the client is connected to.
func (l *Log) anyStatus(ctx context.Context) (*pb.StatusResponse, error) {
	if len(l.client.Endpoints()) == 0 { // a client in etcd's own process
		answer, err := l.client.Status(ctx, "")
		return (*pb.StatusResponse)(answer), err
	}
	return pb.NewMaintenanceClient(l.client.ActiveConnection()).Status(ctx, &pb.StatusRequest{})
}

func (s *space) note(answer *pb.StatusResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.members == nil {
		s.mu.members = map[uint64]memberSpace{}
	}
	now := time.Now()
	s.mu.members[answer.Header.GetMemberId()] = memberSpace{answer.DbSize, answer.DbSizeQuota, now}
	was := s.mu.now
	s.mu.now = Space{Known: true, Full: slices.ContainsFunc(answer.Errors, isNoSpace)}
	for id, member := range s.mu.members {
		switch {
		case now.Sub(member.at) > spaceKept:
			delete(s.mu.members, id)
		case member.size >= s.mu.now.Size:
			s.mu.now.Size, s.mu.now.Quota = member.size, member.quota
		}
	}
	switch full := s.mu.now; {
	case full.Full && !was.Full:
		klog.ErrorS(ErrNoSpace, "etcd refuses writes: make room, and disarm the alarm (docs/operations.md, Quota)", "size", full.Size, "quota", full.Quota)
	case was.Full && !full.Full:
		klog.InfoS("etcd is not full any more and accepts writes", "size", full.Size, "quota", full.Quota)
	}
}

// isNoSpace reports whether an error in a member's status is the alarm NOSPACE. The status
// has alarms only as text.
func isNoSpace(text string) bool { return strings.Contains(text, pb.AlarmType_NOSPACE.String()) }

// suspect makes FollowSpace look at once, unless it is known that etcd is full.
func (s *space) suspect() {
	s.mu.Lock()
	known := s.mu.now.Full
	s.mu.Unlock()
	if known {
		return
	}
	select {
	case s.suspected <- struct{}{}:
	default:
	}
}
