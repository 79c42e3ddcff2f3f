// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Alerts evaluates alert rules with the engine of Prometheus, and prints which alerts are
// pending or firing:
//
//	alerts --rules=FILE [--interval=DURATION]
//
// It reads lines of JSON from standard input. Each line is a round of scrapes of all
// targets:
//
//	{"targets": [{"labels": {"job": "a", "instance": "b"}, "up": true, "text": "metric 1\n"}], "rounds": 1}
//
// The first round is now. A round takes the time of --interval, whatever the clock of the
// machine says. With
// "rounds": N the same scrapes are made N times. The samples are stored as Prometheus stores
// them: with "up", and with staleness markers for series that disappear. Then all rules are
// evaluated. For each line there is a line of JSON on standard output:
//
//	{"alerts": [{"name": "X", "state": "firing", "labels": {"severity": "critical"}}], "fired": ["X"]}
//
// It has the alerts after the last round of the line, and the names of those that fired in
// any of its rounds.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

type target struct {
	Labels map[string]string `json:"labels"`
	Up     bool              `json:"up"`
	Text   string            `json:"text"`
}

type question struct {
	Targets []target `json:"targets"`
	Rounds  int      `json:"rounds"`
}

type alert struct {
	Name        string            `json:"name"`
	State       string            `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type answer struct {
	Alerts []alert  `json:"alerts"`
	Fired  []string `json:"fired"`
}

func main() {
	file := flag.String("rules", "", "the file with the groups of rules")
	interval := flag.Duration("interval", 30*time.Second, "the time from one round to the next")
	flag.Parse()
	if err := run(context.Background(), *file, *interval, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string, interval time.Duration, in io.Reader, out io.Writer) error {
	dir, err := os.MkdirTemp("", "alerts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	options := tsdb.DefaultOptions()
	const days = 30 * 24 * time.Hour // everything stays in memory
	options.MinBlockDuration, options.MaxBlockDuration = days.Milliseconds(), days.Milliseconds()
	options.RetentionDuration = 0
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := tsdb.Open(dir, quiet, nil, options, tsdb.NewDBStats())
	if err != nil {
		return err
	}
	defer db.Close()
	groups, err := load(ctx, db, quiet, file, interval)
	if err != nil {
		return err
	}

	store := newStore(db)
	now := time.Now() // the rules compare it with the ends of certificates
	lines, answers := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	for {
		var q question
		if err := lines.Decode(&q); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		fired := map[string]bool{}
		var a answer
		for range max(1, q.Rounds) {
			now = now.Add(interval)
			if err := store.round(ctx, now, q.Targets); err != nil {
				return err
			}
			a.Alerts = nil
			for _, group := range groups {
				group.Eval(ctx, now)
				for _, rule := range group.AlertingRules() {
					if err := rule.LastError(); err != nil {
						return fmt.Errorf("%s: %w", rule.Name(), err)
					}
					a.Alerts = append(a.Alerts, active(rule)...)
				}
			}
			for _, each := range a.Alerts {
				if each.State == rules.StateFiring.String() {
					fired[each.Name] = true
				}
			}
		}
		a.Fired = slices.Sorted(maps.Keys(fired))
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

// load reads the rules as Prometheus does, which checks them.
func load(ctx context.Context, db *tsdb.DB, log *slog.Logger, file string, interval time.Duration) ([]*rules.Group, error) {
	engine := promql.NewEngine(promql.EngineOpts{Logger: log, MaxSamples: 50_000_000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: ctx, AppendableV2: db, Queryable: db, Logger: log, QueryFunc: rules.EngineQueryFunc(engine, db),
		NotifyFunc:           func(context.Context, string, ...*rules.Alert) {},
		NameValidationScheme: model.UTF8Validation, Parser: parser.NewParser(parser.Options{}),
	})
	found, errs := manager.LoadGroups(interval, emptyLabels, "", nil, false, file)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var all []*rules.Group
	for _, key := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[key])
	}
	return all, nil
}

func active(rule *rules.AlertingRule) []alert {
	var all []alert
	for _, each := range rule.ActiveAlerts() {
		if each.State == rules.StatePending || each.State == rules.StateFiring {
			all = append(all, alert{Name: rule.Name(), State: each.State.String(), Labels: each.Labels.Map(), Annotations: each.Annotations.Map()})
		}
	}
	return all
}
