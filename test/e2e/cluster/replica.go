// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/flakyproxy"
)

// Replica is one muster-apiserver: a Pod of the Deployment.
type Replica struct {
	Endpoint
	// Name is the name of the Pod.
	Name string
	// Process is the server, for signals and its log. Stop, Kill and Start of the Replica
	// also inform the Service, as Kubernetes does.
	Process *Process
	// Etcd are its ways to etcd's members, unless these are straight, and API to
	// kube-apiserver.
	Etcd []*flakyproxy.Proxy
	API  *flakyproxy.Proxy

	muster  *Muster
	dir     string
	address string
	mu      struct {
		sync.Mutex
		backend *Backend
	}
}

// Replicas returns the replicas that were added and not removed, running or not.
func (m *Muster) Replicas() []*Replica {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mu.replicas)
}

// Add starts one more replica, as a rolling update does.
func (m *Muster) Add(t T) *Replica {
	t.Helper()
	m.mu.Lock()
	name := fmt.Sprintf("%s-%d", ServerName, m.mu.named)
	m.mu.named++
	m.mu.Unlock()
	r := &Replica{Name: name, muster: m, dir: filepath.Join(m.dir, name)}
	var endpoints []string
	for _, address := range m.etcd.Addresses() {
		if m.options.Straight {
			endpoints = append(endpoints, "https://"+address)
			continue
		}
		proxy := flakyproxy.Start(m.owner, address)
		r.Etcd = append(r.Etcd, proxy)
		endpoints = append(endpoints, "https://"+proxy.Address)
	}
	r.API = flakyproxy.Start(m.owner, m.control.address)

	mounts, err := m.control.mount(t.Context(), m.pod, filepath.Join(r.dir, "volumes"))
	require.NoError(t, err)
	// The folder of a Pod holds the token of its ServiceAccount.
	account := m.control.Anonymous()
	account.Host = "https://" + r.API.Address
	account.BearerTokenFile = write(t, r.dir, "token", []byte(m.control.Token(t, Namespace, m.pod.account)))
	kubeconfig := filepath.Join(r.dir, "kubeconfig")
	require.NoError(t, writeKubeconfig(kubeconfig, account))
	environment, err := m.pod.environment(name)
	require.NoError(t, err)

	args := m.pod.arguments(mounts, environment)
	replaced := map[string]bool{}
	for _, more := range m.options.Args {
		flag, _, _ := strings.Cut(more, "=")
		more = translate(more, mounts)
		if replaced[flag] {
			args = append(args, more) // a flag that occurs more than once
			continue
		}
		args, replaced[flag] = set(args, more), true
	}
	for _, mine := range []string{
		"--etcd-servers=" + strings.Join(endpoints, ","), "--bind-address=127.0.0.1",
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	} {
		args = set(args, mine)
	}
	r.Process = &Process{Name: name, path: m.binary, args: args, log: filepath.Join(r.dir, name+".log"), env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}}
	for _, variable := range slices.Sorted(maps.Keys(environment)) {
		r.Process.env = append(r.Process.env, variable+"="+environment[variable])
	}
	r.bind()
	m.mu.Lock()
	m.mu.replicas = append(m.mu.replicas, r)
	m.mu.Unlock()
	r.Start(t)
	return r
}

func (r *Replica) bind() {
	port := freePort()
	r.address = loopback(port)
	r.Endpoint = Endpoint{URL: "https://" + r.address, ca: r.muster.CA.PEM}
	r.Process.args = set(r.Process.args, fmt.Sprintf("--secure-port=%d", port))
}

// Start starts the replica, also after an earlier run, and offers it to the Service. It
// does not wait until it is ready.
func (r *Replica) Start(t T) {
	t.Helper()
	require.NoError(t, r.Process.Start())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.backend == nil {
		p := r.muster.pod
		r.mu.backend = r.muster.Balancer.Add(r.address, Probe{URL: r.URL + p.readiness.Path, Timeout: p.timeout, Failures: p.failures})
	}
}

// Ready reports whether the readiness probe succeeds.
func (r *Replica) Ready() bool {
	backend := r.backend()
	return backend != nil && backend.Ready()
}

func (r *Replica) backend() *Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.backend
}

// WaitReady waits until the readiness probe succeeds.
func (r *Replica) WaitReady(t T) {
	t.Helper()
	r.WaitReadyWithin(t, musterReady)
}

// WaitReadyWithin is WaitReady with another limit than musterReady.
func (r *Replica) WaitReadyWithin(t T, limit time.Duration) {
	t.Helper()
	require.NoError(t, attempts(func() error {
		err := r.Process.ready(t.Context(), limit, r.isReady)
		if errors.Is(err, errPortTaken) {
			r.withdraw()
			r.Process.Kill()
			r.bind()
			r.Start(t)
		}
		return err
	}))
}

func (r *Replica) isReady(context.Context) error {
	backend := r.backend()
	if backend == nil {
		return errors.New("the replica is being stopped")
	}
	if !backend.Ready() {
		return fmt.Errorf("its probe says: %w", backend.Last())
	}
	return nil
}

// Stop deletes the Pod: the process gets SIGTERM and its grace period, and the Service
// learns of it a little later.
func (r *Replica) Stop(t T) {
	t.Helper()
	withdraw := time.AfterFunc(probePeriod, r.withdraw)
	err := r.Process.Stop(r.muster.pod.grace)
	if withdraw.Stop() {
		r.withdraw()
	}
	require.NoError(t, err)
}

// Kill ends the process with SIGKILL: the Service learns of it from the probe.
func (r *Replica) Kill() { r.Process.Kill() }

func (r *Replica) withdraw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.backend != nil {
		r.muster.Balancer.Remove(r.mu.backend)
		r.mu.backend = nil
	}
}

// Partition swallows everything between the replica and etcd, both ways.
func (r *Replica) Partition() {
	for _, proxy := range r.Etcd {
		proxy.Stall()
	}
}

// Mend ends Partition, and the cutting of any of its proxies to etcd.
func (r *Replica) Mend() {
	for _, proxy := range r.Etcd {
		proxy.Mend()
	}
}

// Remove stops a replica for good.
func (m *Muster) Remove(t T, r *Replica) {
	t.Helper()
	r.Stop(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.replicas = slices.DeleteFunc(m.mu.replicas, func(each *Replica) bool { return each == r })
}

// Roll replaces all replicas by the Deployment's strategy: one at a time, and none stops
// before its successor is ready.
func (m *Muster) Roll(t T) {
	t.Helper()
	for _, old := range m.Replicas() {
		m.Add(t).WaitReady(t)
		m.Remove(t, old)
	}
}

// SetSecret changes keys of a Secret that the Deployment mounts: see SyncVolumes.
func (m *Muster) SetSecret(t T, name string, data map[string][]byte) {
	t.Helper()
	secrets := m.control.Client.CoreV1().Secrets(Namespace)
	secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	maps.Copy(secret.Data, data)
	_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// SyncVolumes copies changes of Secrets and ConfigMaps into the replicas' volumes, as
// kubelets do from time to time.
func (m *Muster) SyncVolumes(t T) {
	t.Helper()
	for _, r := range m.Replicas() {
		_, err := m.control.mount(t.Context(), m.pod, filepath.Join(r.dir, "volumes"))
		require.NoError(t, err)
	}
}

// Flags returns the replica's arguments with these names, for Exec.
func (r *Replica) Flags(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(r.Process.args), func(arg string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		return !slices.Contains(names, name)
	})
}

// Exec runs the server's program once more, for one of its subcommands, as "kubectl exec"
// would.
func (r *Replica) Exec(args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, complaints bytes.Buffer
	command := exec.CommandContext(ctx, r.muster.binary, args...)
	command.Env, command.Dir, command.Stdout, command.Stderr = r.Process.env, r.dir, &out, &complaints
	if err = command.Run(); err != nil {
		err = fmt.Errorf("muster-apiserver %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), complaints.String(), err
}
