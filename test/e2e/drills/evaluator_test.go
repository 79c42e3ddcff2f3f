// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// interval is the time from one round of scrapes to the next, as Prometheus would have it.
const interval = 30 * time.Second

// target is one scrape, in the form of test/e2e/programs/alerts.
type target struct {
	Labels map[string]string `json:"labels"`
	Up     bool              `json:"up"`
	Text   string            `json:"text"`
}

type alert struct {
	Name, State         string
	Labels, Annotations map[string]string
}

// verdict holds the alerts after some rounds, and which fired in any of them.
type verdict struct {
	Alerts []alert
	Fired  []string
}

// in returns the names of alerts in a state.
func (v verdict) in(state string) map[string]bool {
	names := map[string]bool{}
	for _, each := range v.Alerts {
		if each.State == state {
			names[each.Name] = true
		}
	}
	return names
}

// evaluator is Prometheus' engine with the rules of the chart, in a process of its own.
type evaluator struct {
	in      io.WriteCloser
	answers *json.Decoder
	command *exec.Cmd
}

func newEvaluator(t cluster.T) *evaluator {
	t.Helper()
	command := exec.Command(cluster.Program(t, "alerts"), "--rules="+rulesFile(t), "--interval="+interval.String())
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	return &evaluator{in: in, answers: json.NewDecoder(out), command: command}
}

// rounds makes the same scrapes so many times.
func (e *evaluator) rounds(targets []target, rounds int) (verdict, error) {
	var v verdict
	question := struct {
		Targets []target `json:"targets"`
		Rounds  int      `json:"rounds"`
	}{targets, rounds}
	if err := json.NewEncoder(e.in).Encode(question); err != nil {
		return v, err
	}
	return v, e.answers.Decode(&v)
}

func (e *evaluator) end(t cluster.T) {
	t.Helper()
	require.NoError(t, e.in.Close())
	require.NoError(t, e.command.Wait(), "the evaluation of rules")
}

// rule is an alert rule as the manifests have it.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

// lasts returns the rule's "for".
func (r rule) lasts(t cluster.T) time.Duration {
	t.Helper()
	if r.For == "" {
		return 0
	}
	d, err := time.ParseDuration(r.For)
	require.NoError(t, err)
	return d
}

func rulesFile(t cluster.T) string {
	t.Helper()
	return filepath.Join(cluster.Checkout(t), "artifacts", "helm", "muster", "files", "alerts.yaml")
}

// rules returns all rules, by name.
func rules(t cluster.T) map[string]rule {
	t.Helper()
	text, err := os.ReadFile(rulesFile(t))
	require.NoError(t, err)
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal(text, &file))
	all := map[string]rule{}
	for _, group := range file.Groups {
		for _, each := range group.Rules {
			require.NotContains(t, all, each.Alert)
			all[each.Alert] = each
		}
	}
	require.NotEmpty(t, all)
	return all
}
