// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"math"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Allowance bounds how many bytes each agent may report. Without it, one that rewrites
// large statuses fills etcd's quota in minutes, and then nobody can write. It is of one
// replica: with several, an agent has as many.
//
// An agent is known by what it has rights to: the namespace of its BundleDeployments, and
// the one Cluster. Reports on other kinds count by kind and namespace. What a report takes
// in etcd is counted, and at least a sixteenth of its JSON, which is what replicas decode.
//
// An agent that has used up the burst is refused before its next report costs anything,
// until the rate has made up for the ones before. It is safe for concurrent use.
type Allowance struct {
	rate, burst int64
	now         func() time.Time
	mu          struct {
		sync.Mutex
		agents map[string]*agent
		// swept is how many there were after the last sweep.
		swept int
	}
}

// Defaults of an Allowance. The first reports of an agent on 200 BundleDeployments take
// less than half of the burst, also where each lists as many objects as etcd takes. 125 MiB
// are the most that one agent has in etcd, while that keeps ten minutes.
const (
	DefaultReportRate  = 64 << 10
	DefaultReportBurst = 64 << 20
)

// compressed is by how much honest reports are smaller in etcd than their JSON.
const compressed = 16

// fewAgents are no reason to sweep.
const fewAgents = 1024

// agent is what one has spent beyond what the rate has made up for.
type agent struct {
	spent float64
	at    time.Time
	// slow is set while it is refused.
	slow bool
}

// NewAllowance lets each agent report at a rate in bytes a second, after a burst in bytes.
func NewAllowance(rate, burst int64) *Allowance {
	a := &Allowance{rate: rate, burst: burst, now: time.Now}
	a.mu.agents = map[string]*agent{}
	return a
}

// agentOf names the agent that may report on an object.
func agentOf(resource string, name record.Name) string {
	switch resource {
	case record.BundleDeployments:
		return "the BundleDeployments of namespace " + name.Namespace
	case record.Clusters:
		return "Cluster " + name.String()
	}
	return resource + " of namespace " + name.Namespace
}

// wait is how long an agent has to wait before it may report; 0 if it may now.
func (a *Allowance) wait(key string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := a.mu.agents[key]
	if have == nil {
		return 0
	}
	a.settle(have)
	over := have.spent - float64(a.burst)
	slow := over >= 0
	if slow && !have.slow {
		klog.InfoS("An agent has used up what it may report, and is slowed down", "on", key, "bytesPerSecond", a.rate, "burst", a.burst)
	}
	if have.slow = slow; !slow {
		return 0
	}
	return time.Duration((over + 1) / float64(a.rate) * float64(time.Second))
}

// charge notes what a report of an agent takes: in etcd, and as JSON.
func (a *Allowance) charge(key string, stored, text int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := a.mu.agents[key]
	if have == nil {
		a.sweep()
		have = &agent{at: a.now()}
		a.mu.agents[key] = have
	}
	a.settle(have)
	have.spent += float64(max(stored, text/compressed))
}

func (a *Allowance) settle(have *agent) {
	now := a.now()
	have.spent = max(0, have.spent-now.Sub(have.at).Seconds()*float64(a.rate))
	have.at = now
}

// sweep forgets agents that have nothing to make up for, when there are twice as many as
// after the last sweep.
func (a *Allowance) sweep() {
	if len(a.mu.agents) < max(2*a.mu.swept, fewAgents) {
		return
	}
	for key, have := range a.mu.agents {
		if a.settle(have); have.spent == 0 {
			delete(a.mu.agents, key)
		}
	}
	a.mu.swept = len(a.mu.agents)
}

// Allow bounds what may be written through a store of reports; nil is no bound.
func (s *Store) Allow(a *Allowance) *Store {
	s.allowance = a
	return s
}

// allowed refuses a report of an agent that has used up its allowance.
func (s *Store) allowed(name record.Name) error {
	if s.allowance == nil {
		return nil
	}
	key := agentOf(s.resource.Resource, name)
	wait := s.allowance.wait(key)
	if wait == 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	return apierrors.NewTooManyRequests(fmt.Sprintf("%s %q: reports on %s may take %d bytes a second after the first %d, and took more: report less or less often; "+
		"an operator can raise --report-rate and --report-burst of muster-apiserver", s.resource.Resource, name.Name, key, s.allowance.rate, s.allowance.burst), seconds)
}

// charged notes that a report is written.
func (s *Store) charged(name record.Name, w *write) {
	if s.allowance != nil {
		s.allowance.charge(agentOf(s.resource.Resource, name), w.Size(), w.text)
	}
}
