// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// evaluation bounds the time of an evaluator's process.
const evaluation = 20 * time.Minute

// evaluator is Prometheus' engine with the rules of the chart, in a process of its own, which
// ends with the test if not before.
type evaluator struct {
	in      io.WriteCloser
	answers *json.Decoder
	// wait closes the standard input, and returns how the process ended.
	wait func() error
}

func newEvaluator(t cluster.T) *evaluator {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), evaluation)
	command := exec.CommandContext(ctx, cluster.Program(t, "alerts"), "--rules="+rulesFile(t), "--interval="+interval.String())
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	wait := sync.OnceValue(func() error {
		defer cancel()
		return errors.Join(in.Close(), command.Wait())
	})
	t.Cleanup(func() { _ = wait() }) // a test that succeeds has called it
	return &evaluator{in: in, answers: json.NewDecoder(out), wait: wait}
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
	if err := e.answers.Decode(&v); err != nil {
		return v, err
	}
	return v, v.texts()
}

// texts returns an error if the text of an alert could not be computed: Prometheus puts the
// error into the text.
func (v verdict) texts() error {
	for _, each := range v.Alerts {
		for name, text := range each.Annotations {
			if strings.Contains(text, "error expanding template") {
				return fmt.Errorf("%s: annotation %s: %s", each.Name, name, text)
			}
		}
	}
	return nil
}

func (e *evaluator) end(t cluster.T) {
	t.Helper()
	require.NoError(t, e.wait(), "the evaluation of rules")
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
