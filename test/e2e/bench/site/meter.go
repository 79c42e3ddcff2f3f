// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// Metrics are a server's, by name; those with labels are summed over them.
type Metrics map[string]float64

// Scrape reads a server's metrics.
func Scrape(ctx context.Context, c *rest.RESTClient) (Metrics, error) {
	text, err := c.Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	out := Metrics{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), " ")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, "{")
		// The value is after the last blank, if labels hold some.
		value = value[strings.LastIndexByte(value, ' ')+1:]
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] += v
		}
	}
	return out, nil
}

// Memory is what a server takes, in bytes.
type Memory struct {
	// Resident is what the system says, with what Go has not given back yet; Peak is
	// the most of that since the start or the last reset.
	Resident, Peak int64
	// Used is heap and stacks after a collection.
	Used int64
}

// Weigh collects a server's garbage and weighs what is left.
func Weigh(ctx context.Context, c *rest.RESTClient, p *cluster.Process) (m Memory, err error) {
	if m.Resident, err = p.Resident(); err != nil {
		return m, err
	}
	if m.Peak, err = p.Peak(); err != nil {
		return m, err
	}
	if _, err := c.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").SetHeader("Accept", "*/*").Do(ctx).Raw(); err != nil {
		return m, fmt.Errorf("asking %s to collect garbage: %w", p.Name, err)
	}
	metrics, err := Scrape(ctx, c)
	m.Used = int64(metrics["go_memstats_heap_alloc_bytes"] + metrics["go_memstats_stack_inuse_bytes"])
	return m, err
}

// CPU is what some processes have used together.
func CPU(all ...*cluster.Process) (sum time.Duration, err error) {
	for _, p := range all {
		used, err := p.ProcessorTime()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// MiB is a size in 2^20 bytes.
func MiB(bytes int64) float64 { return float64(bytes) / (1 << 20) }
