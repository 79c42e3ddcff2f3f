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

// Allowance bounds how many bytes each agent may report. Without it, an agent that rewrites
// large statuses fills etcd's quota in minutes, and then no client can write. Each replica
// has its own Allowance, so an agent may report that much to each replica.
//
// An agent is identified by what it has rights to: the namespace of its BundleDeployments,
// and its one Cluster. Reports on other kinds count by kind and namespace. A report counts
// as many bytes as it takes in etcd, and at least a sixteenth of its JSON, because replicas
// decode the JSON.
//
// When an agent has used up the burst, its next report is refused before it costs anything,
// until the rate has made up for the earlier ones.
//
// An Allowance is safe for concurrent use.
type Allowance struct {
	rate, burst int64
	now         func() time.Time
	mu          struct {
		sync.Mutex
		agents map[string]*agent
		// swept is the number of agents after the last sweep.
		swept int
	}
}

// Defaults of an Allowance. The first reports of an agent on 200 BundleDeployments take
// less than half of the burst, even where each lists as many objects as etcd accepts. One
// agent has at most 125 MiB in etcd, while etcd keeps ten minutes of history.
const (
	DefaultReportRate  = 64 << 10
	DefaultReportBurst = 64 << 20
)

// compressed is how many times smaller honest reports are in etcd than as JSON.
const compressed = 16

// fewAgents is how many agents an Allowance keeps without a sweep.
const fewAgents = 1024

// agent holds how many bytes an agent has spent beyond what the rate has made up for.
type agent struct {
	spent float64
	at    time.Time
	// slow is set while the agent is refused.
	slow bool
}

// NewAllowance returns an Allowance of rate bytes a second for each agent, after a burst in
// bytes.
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

// wait returns how long an agent has to wait before it may report, 0 if it may report now.
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
		klog.InfoS("An agent has used up its allowance for reports and is slowed down", "on", key, "bytesPerSecond", a.rate, "burst", a.burst)
	}
	if have.slow = slow; !slow {
		return 0
	}
	return time.Duration((over + 1) / float64(a.rate) * float64(time.Second))
}

// charge records the size of an agent's report: in etcd, and as JSON.
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

// sweep forgets agents that have nothing to make up for, when the number of agents has
// doubled since the last sweep.
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

// Allow bounds the bytes that agents may write through a store of reports, and returns the
// store. nil means no bound.
func (s *Store) Allow(a *Allowance) *Store {
	s.allowance = a
	return s
}

// allowed returns an error if the agent has used up its allowance for reports.
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
