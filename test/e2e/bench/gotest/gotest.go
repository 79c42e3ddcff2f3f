// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gotest runs benchmarks of go test as scenarios, and reads the numbers that they
// print.
package gotest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// result holds one line that a benchmark printed.
type result struct {
	Name   string             // without Benchmark, and without the number of processors
	Values map[string]float64 // by unit: ns/op, B/op and the benchmark's own units
}

// part returns the value of a key in a sub-benchmark's name: in Affected/regime=x/n=10 the
// part n is 10.
func (r result) part(key string) string {
	for part := range strings.SplitSeq(r.Name, "/") {
		if name, value, found := strings.Cut(part, "="); found && name == key {
			return value
		}
	}
	return ""
}

// run runs go test. It calls each with every result as it comes, and returns everything that
// was printed to both outputs.
func run(ctx context.Context, each func(result), args ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$"}, args...)...)
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	var all bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if r, ok := parse(lines.Text()); ok {
				each(r)
			}
		}
		_, _ = io.Copy(io.Discard, reader) // a line that is too long must not stop the writer
	})
	err := command.Run()
	_ = writer.Close() // a pipe's Close has no error
	reading.Wait()
	if err != nil {
		return all.String(), fmt.Errorf("go test %s: %w: %s", strings.Join(args, " "), err, tail(all.String()))
	}
	return all.String(), nil
}

func tail(text string) string {
	const most = 1500
	return text[max(0, len(text)-most):]
}

// parse reads a line like "BenchmarkX/n=1-2  100  12.5 ns/op  3 B/op".
func parse(line string) (result, bool) {
	fields := strings.Fields(line)
	name, found := strings.CutPrefix(line, "Benchmark")
	if !found || len(fields) < 4 {
		return result{}, false
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return result{}, false
	}
	name, _, _ = strings.Cut(name, "\t")
	name = strings.TrimSpace(strings.Fields(name)[0])
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i]
		}
	}
	r := result{Name: name, Values: map[string]float64{}}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return result{}, false
		}
		r.Values[fields[i+1]] = v
	}
	return r, true
}
