// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"

	"k8s.io/client-go/rest"
)

// answers count the answers for each request, by code.
type answers map[string]map[int]int

// crowd starts the crowd. came returns when each member has had one answer. After the end
// of the context, end waits for the crowd to stop and returns its answers.
func (o Options) crowd(ctx context.Context) (came func() error, end func() (answers, error)) {
	if len(o.Command) > 0 {
		return o.crowdApart(ctx)
	}
	c := &crowd{options: o, done: answers{}, began: make(chan struct{})}
	all := new(sync.WaitGroup)
	came = func() error {
		if err := c.stick(ctx, all); err != nil {
			return err
		}
		c.start(ctx, all)
		return c.wait(ctx)
	}
	return came, func() (answers, error) {
		all.Wait()
		return c.done, nil
	}
}

// orders hold what a crowd in a process of its own has to do.
type orders struct {
	Options

	Host, BearerToken string
	TLS               rest.TLSClientConfig
}

// started is its output once each member has had one answer.
const started = "started"

// Serve runs the crowd in a process of its own, for Options.Command. It reads its orders
// from in, and writes when each member has had one answer. It continues until in ends, and
// then writes the answers.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var order orders
	if err := json.Unmarshal(line, &order); err != nil {
		return err
	}
	o := order.Options
	o.Config = &rest.Config{Host: order.Host, BearerToken: order.BearerToken, TLSClientConfig: order.TLS}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came, end := o.crowd(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	if err := came(); err != nil {
		return err
	}
	fmt.Fprintln(out, started)
	<-ctx.Done()
	counted, err := end()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(counted)
}

// crowdApart starts the crowd in a process of its own.
func (o Options) crowdApart(ctx context.Context) (came func() error, end func() (answers, error)) {
	process := exec.Command(o.Command[0], o.Command[1:]...) //nolint:gosec // the benchmark itself
	var said bytes.Buffer
	process.Stderr = &said
	var in io.WriteCloser
	var out *bufio.Reader
	running := false
	came = func() error {
		order, err := json.Marshal(orders{o, o.Config.Host, o.Config.BearerToken, o.Config.TLSClientConfig})
		if err != nil {
			return err
		}
		if in, err = process.StdinPipe(); err != nil {
			return err
		}
		pipe, err := process.StdoutPipe()
		if err != nil {
			return err
		}
		out = bufio.NewReader(pipe)
		if err := process.Start(); err != nil {
			return err
		}
		running = true
		context.AfterFunc(ctx, func() { _ = in.Close() })
		if _, err := in.Write(append(order, '\n')); err != nil {
			return err
		}
		if line, err := out.ReadString('\n'); err != nil || line != started+"\n" {
			return errors.Join(fmt.Errorf("the crowd did not start: %w", err), process.Wait(), errors.New(said.String()))
		}
		return nil
	}
	return came, sync.OnceValues(func() (answers, error) {
		if !running {
			return nil, nil
		}
		counted := answers{}
		err := json.NewDecoder(out).Decode(&counted)
		return counted, errors.Join(err, process.Wait())
	})
}
