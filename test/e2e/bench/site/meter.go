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

// Metrics holds a server's metrics, by name with labels; and by name alone, summed over the
// labels.
type Metrics map[string]float64

// Scrape reads a server's metrics.
func Scrape(ctx context.Context, c *rest.RESTClient) (Metrics, error) {
	text, err := Answer(ctx, c.Get().AbsPath("/metrics").SetHeader("Accept", "text/plain"))
	if err != nil {
		return nil, err
	}
	return metrics(text), nil
}

// metrics reads lines of a name, labels if it has any, a blank and a value.
func metrics(text []byte) Metrics {
	out := Metrics{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ') // labels may contain blanks
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			continue
		}
		name, _, labelled := strings.Cut(line[:at], "{")
		if labelled {
			out[line[:at]] = v
		}
		out[name] += v
	}
	return out
}

// RenderedDeployments counts the BundleDeployments that a server has built, for answers and
// for events.
const RenderedDeployments = `muster_objects_rendered_total{resource="bundledeployments"}`

// Memory holds the memory of a server, in bytes.
type Memory struct {
	// Resident is the system's number, including memory that Go has not returned yet; Peak
	// is its maximum since the start or the last reset.
	Resident, Peak int64
	// Used is heap and stacks after a collection; Heap and Stacks are its parts.
	Used, Heap, Stacks int64
	// Profile is a profile of the heap after that collection.
	Profile []byte
}

// collections bounds the number of collections of Weigh.
const collections = 6

// Weigh collects a server's garbage and returns the remaining memory. It repeats the
// collection until that no longer changes: pools and objects with finalizers survive a
// collection.
func Weigh(ctx context.Context, c *rest.RESTClient, p *cluster.Process) (m Memory, err error) {
	if m.Resident, err = p.Resident(); err != nil {
		return m, err
	}
	if m.Peak, err = p.Peak(); err != nil {
		return m, err
	}
	for range collections {
		last := m.Used
		if m.Profile, err = Answer(ctx, c.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").SetHeader("Accept", "*/*")); err != nil {
			return m, fmt.Errorf("asking %s to collect garbage: %w", p.Name, err)
		}
		metrics, err := Scrape(ctx, c)
		if err != nil {
			return m, err
		}
		m.Heap, m.Stacks = int64(metrics["go_memstats_heap_alloc_bytes"]), int64(metrics["go_memstats_stack_inuse_bytes"])
		m.Used = m.Heap + m.Stacks
		if last > 0 && last-m.Used < last/100 {
			break
		}
	}
	return m, nil
}

// CPU returns the time that several processes have used together.
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

// MiB returns a size in units of 2^20 bytes.
func MiB(bytes int64) float64 { return float64(bytes) / (1 << 20) }
