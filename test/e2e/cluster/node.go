// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	nodeName   = "node-0"
	nodePeriod = 200 * time.Millisecond
)

// Node plays a machine with a kubelet and a kube-proxy. It runs the Pods that the controllers
// of Deployments create in Muster's namespace (ControlPlane.StartWorkloads), each as a
// process, and reports which are ready. So "kubectl rollout" and "kubectl logs" work as in a
// cluster. The Service and the APIService lead to a Balancer, whatever is applied.
//
// Unlike an Install, it takes whatever a user applies: kustomizations or a chart.
type Node struct {
	// Balancer plays the Service of the servers.
	Balancer *Balancer

	control *ControlPlane
	owner   T
	dir     string
	// others is where the probes of other programs run; no client connects to it.
	others *Balancer
	// programs are the paths of the programs that Pods may run, by name.
	programs map[string]string
	mu       struct {
		sync.Mutex
		pods map[types.UID]*nodePod
	}
	// ends waits for the processes that are being stopped.
	ends sync.WaitGroup
}

// nodePod is a Pod on a node.
type nodePod struct {
	name     string
	of       *pod
	process  *Process
	balancer *Balancer
	backend  *Backend
	ending   bool
	restarts int32
}

// StartNode adds a node to a control plane, which must end with t.
func StartNode(t T, c *ControlPlane) *Node {
	t.Helper()
	n := &Node{control: c, owner: t, dir: Folder(t, "node"), Balancer: NewBalancer(t), others: NewBalancer(t)}
	n.mu.pods = map[types.UID]*nodePod{}
	n.programs = map[string]string{ServerName: Built(t, ServerName), ControllerName: Built(t, ControllerName)}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	node, err := c.Client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
	require.NoError(t, err)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = n.startKubelet(t)
	_, err = c.Client.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
	require.NoError(t, err)

	n.route(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for last := ""; ctx.Err() == nil; {
			if err := n.sync(ctx); err != nil && ctx.Err() == nil && err.Error() != last {
				last = err.Error()
				t.Logf("node: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(nodePeriod):
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, p := range n.all() {
			p.process.Kill()
		}
		n.ends.Wait()
	})
	return n
}

// Restarts returns how often a process ended that should run, for all Pods together.
func (n *Node) Restarts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := 0
	for _, p := range n.mu.pods {
		all += int(p.restarts)
	}
	return all
}

// Logs returns the logs of all Pods that ran, for messages.
func (n *Node) Logs() string {
	text := ""
	for _, p := range n.all() {
		text += fmt.Sprintf("%s: %s\n", p.name, p.process.Tail())
	}
	return text
}

func (n *Node) all() []*nodePod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Values(n.mu.pods))
}

// sync brings each Pod one step on. A Pod that fails holds back no other.
func (n *Node) sync(ctx context.Context) error {
	list, err := n.control.Client.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for i := range list.Items {
		each := &list.Items[i]
		n.mu.Lock()
		p := n.mu.pods[each.UID]
		n.mu.Unlock()
		switch {
		case each.DeletionTimestamp != nil:
			err = n.end(ctx, each, p)
		case p == nil:
			err = n.begin(ctx, each)
		default:
			err = n.report(ctx, each, p)
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			failed = append(failed, fmt.Errorf("pod %s: %w", each.Name, err))
		}
	}
	return errors.Join(failed...)
}

// begin schedules a Pod to the node, and starts its process.
func (n *Node) begin(ctx context.Context, at *corev1.Pod) error {
	of, err := podOf(&at.Spec)
	if err != nil {
		return err
	}
	dir := filepath.Join(n.dir, at.Name)
	mounts, err := n.control.mount(ctx, of, filepath.Join(dir, "volumes"))
	if err != nil {
		return err // a Secret may come later, as for a kubelet
	}
	if at.Spec.NodeName == "" {
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: at.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: nodeName}}
		if err := n.control.Client.CoreV1().Pods(Namespace).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	token, err := n.control.token(ctx, Namespace, of.account)
	if err != nil {
		return err
	}
	account := n.control.WithToken(token)
	if folder := mounts[accountFolder]; folder != "" {
		if err := publish(folder, map[string][]byte{"token": []byte(account.BearerToken), "ca.crt": n.control.CA.PEM, "namespace": []byte(Namespace)}); err != nil {
			return err
		}
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, account); err != nil {
		return err
	}
	environment, err := of.environment(at.Name)
	if err != nil {
		return err
	}
	program := of.container.Name
	if len(of.container.Command) > 0 {
		program = path.Base(of.container.Command[0])
	}
	args := of.arguments(mounts, environment)
	for _, mine := range []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	} {
		args = set(args, mine)
	}
	p := &nodePod{name: at.Name, of: of, balancer: n.others}
	p.process = &Process{
		Name: at.Name, path: n.programs[program], args: args, log: filepath.Join(dir, "log"),
		env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir},
	}
	if program == ServerName {
		p.balancer = n.Balancer
	}
	if err := p.start(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.pods[at.UID] = p
	return nil
}

// start starts a Pod's process on a free port.
func (p *nodePod) start() error {
	if p.backend != nil {
		p.balancer.Remove(p.backend)
	}
	address := loopback(freePort())
	p.process.listenOn(address)
	if err := p.process.Start(); err != nil {
		return err
	}
	p.backend = p.balancer.Add(address, Probe{URL: "https://" + address + p.of.readiness.Path, Timeout: p.of.timeout, Failures: p.of.failures})
	return nil
}

// report writes a Pod's status, and starts a process again that has ended.
func (n *Node) report(ctx context.Context, at *corev1.Pod, p *nodePod) error {
	running := p.process.Running()
	switch {
	case running:
	case p.process.portTaken(): // by a process of this machine, which a Pod would not meet
		if err := p.start(); err != nil {
			return err
		}
	default:
		n.owner.Logf("node: %s has ended and starts again: %s", p.name, p.process.Tail())
		n.mu.Lock()
		p.restarts++
		n.mu.Unlock()
		if err := p.process.Start(); err != nil {
			return err
		}
	}
	ready := corev1.ConditionFalse
	if running && p.backend.Ready() {
		ready = corev1.ConditionTrue
	}
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: "127.0.0.1", PodIP: "127.0.0.1", StartTime: at.Status.StartTime,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: p.of.container.Name, Image: p.of.container.Image, ImageID: "sha256:0", Ready: ready == corev1.ConditionTrue, Started: new(true), RestartCount: p.restarts,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}},
	}
	if status.StartTime == nil {
		status.StartTime = new(metav1.Now())
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: ready, LastTransitionTime: metav1.Now()})
	}
	if len(at.Status.Conditions) == 2 && at.Status.Conditions[0].Status == ready {
		return nil
	}
	now := at.DeepCopy()
	now.Status = status
	_, err := n.control.Client.CoreV1().Pods(Namespace).UpdateStatus(ctx, now, metav1.UpdateOptions{})
	return err
}

// end stops a Pod's process, and then lets the Pod go. The Service learns of it at once.
func (n *Node) end(ctx context.Context, at *corev1.Pod, p *nodePod) error {
	remove := func() error {
		return n.control.Client.CoreV1().Pods(Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: metav1.NewUIDPreconditions(string(at.UID))})
	}
	if p == nil {
		return remove()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.ending {
		return nil
	}
	p.ending = true
	n.ends.Go(func() {
		p.balancer.Remove(p.backend)
		if err := p.process.Stop(p.of.grace); err != nil && ctx.Err() == nil {
			n.owner.Logf("node: %v", err)
		}
		if err := remove(); err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			n.owner.Logf("node: %v", err)
		}
	})
	return nil
}
