// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pod holds what a Deployment or a Pod says about a process, read back from kube-apiserver.
type pod struct {
	account   string
	replicas  int
	container corev1.Container
	volumes   map[string]corev1.Volume
	port      int32
	readiness *corev1.HTTPGetAction
	timeout   time.Duration
	failures  int
	grace     time.Duration
}

func (c *ControlPlane) readPod(ctx context.Context, name string) (*pod, error) {
	deployment, err := c.Client.AppsV1().Deployments(Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	p, err := podOf(&deployment.Spec.Template.Spec)
	if err == nil {
		p.replicas = int(*deployment.Spec.Replicas)
	}
	return p, err
}

func podOf(spec *corev1.PodSpec) (*pod, error) {
	if len(spec.Containers) != 1 || len(spec.InitContainers) != 0 {
		return nil, fmt.Errorf("the Pod has containers that the harness does not play: %v %v", spec.Containers, spec.InitContainers)
	}
	p := &pod{
		account: spec.ServiceAccountName, container: spec.Containers[0],
		volumes: map[string]corev1.Volume{}, grace: time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second,
	}
	for _, volume := range spec.Volumes {
		p.volumes[volume.Name] = volume
	}
	probe := p.container.ReadinessProbe
	if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Scheme != corev1.URISchemeHTTPS {
		return nil, fmt.Errorf("the Pod has no readiness probe over HTTPS: %+v", probe)
	}
	p.readiness, p.failures, p.timeout = probe.HTTPGet, int(probe.FailureThreshold), time.Duration(probe.TimeoutSeconds)*time.Second
	for _, port := range p.container.Ports {
		if port.Name == probe.HTTPGet.Port.StrVal || port.ContainerPort == probe.HTTPGet.Port.IntVal {
			p.port = port.ContainerPort
		}
	}
	if p.port == 0 {
		return nil, fmt.Errorf("the readiness probe asks a port that the container does not have: %v", probe.HTTPGet.Port)
	}
	return p, nil
}

// mount writes the container's volumes below dir, and returns the folder of each mount
// path.
func (c *ControlPlane) mount(ctx context.Context, p *pod, dir string) (map[string]string, error) {
	at := map[string]string{}
	for _, mount := range p.container.VolumeMounts {
		if mount.SubPath != "" {
			return nil, fmt.Errorf("volume mount %s: the harness does not play subPath", mount.Name)
		}
		content, err := c.volume(ctx, p.volumes[mount.Name])
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", mount.Name, err)
		}
		folder := filepath.Join(dir, mount.Name)
		if err := publish(folder, content); err != nil {
			return nil, err
		}
		at[mount.MountPath] = folder
	}
	return at, nil
}

// volume returns a volume's files; nil for a volume that the container writes.
func (c *ControlPlane) volume(ctx context.Context, volume corev1.Volume) (map[string][]byte, error) {
	switch {
	case volume.Secret != nil:
		secret, err := c.Client.CoreV1().Secrets(Namespace).Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) && volume.Secret.Optional != nil && *volume.Secret.Optional {
			return map[string][]byte{}, nil
		}
		if err != nil {
			return nil, err
		}
		return chosen(secret.Data, volume.Secret.Items)
	case volume.ConfigMap != nil:
		config, err := c.Client.CoreV1().ConfigMaps(Namespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		data := maps.Clone(config.BinaryData)
		if data == nil {
			data = map[string][]byte{}
		}
		for key, text := range config.Data {
			data[key] = []byte(text)
		}
		return chosen(data, volume.ConfigMap.Items)
	case volume.Projected != nil:
		return nil, nil // the token of the account, which a Node writes
	case volume.EmptyDir != nil:
		return nil, nil
	}
	return nil, fmt.Errorf("the harness does not play its kind: %+v", volume.VolumeSource)
}

func chosen(data map[string][]byte, items []corev1.KeyToPath) (map[string][]byte, error) {
	if len(items) == 0 {
		return data, nil
	}
	out := map[string][]byte{}
	for _, item := range items {
		content, found := data[item.Key]
		if !found {
			return nil, fmt.Errorf("the volume has no key %s", item.Key)
		}
		out[item.Path] = content
	}
	return out, nil
}

// publish writes files as a kubelet does, so that a process that watches them sees the
// same: all files change at once, when a link is replaced.
func publish(folder string, content map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil || content == nil {
		return err
	}
	link := filepath.Join(folder, "..data")
	old, _ := os.Readlink(link) // no link the first time
	version, err := os.MkdirTemp(folder, "..version-")
	if err != nil {
		return err
	}
	for name, bytes := range content {
		path := filepath.Join(version, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, bytes, 0o600); err != nil {
			return err
		}
	}
	next := link + "_tmp"
	if err := os.Symlink(filepath.Base(version), next); err != nil {
		return err
	}
	if err := os.Rename(next, link); err != nil {
		return err
	}
	for name := range content {
		top, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(folder, top)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	if old != "" {
		return os.RemoveAll(filepath.Join(folder, old))
	}
	return nil
}

// arguments returns the container's arguments, with this machine's folders for its mount
// paths.
func (p *pod) arguments(mounts, environment map[string]string) []string {
	var out []string
	for _, argument := range p.container.Args {
		for name, value := range environment {
			argument = strings.ReplaceAll(argument, "$("+name+")", value)
		}
		out = append(out, translate(argument, mounts))
	}
	return out
}

// translate replaces mount paths, the longest first, because one may begin with another.
func translate(text string, mounts map[string]string) string {
	for _, path := range slices.SortedFunc(maps.Keys(mounts), func(a, b string) int { return len(b) - len(a) }) {
		text = strings.ReplaceAll(text, path, mounts[path])
	}
	return text
}

// environment returns the container's environment, with the few fields of a pod that exist
// here.
func (p *pod) environment(name string) (map[string]string, error) {
	fields := map[string]string{
		"metadata.name": name, "metadata.namespace": Namespace, "status.podIP": "127.0.0.1", "spec.serviceAccountName": p.account, "spec.nodeName": "localhost",
	}
	out := map[string]string{}
	for _, variable := range p.container.Env {
		out[variable.Name] = variable.Value
		if variable.ValueFrom == nil {
			continue
		}
		if variable.ValueFrom.FieldRef == nil {
			return nil, fmt.Errorf("environment variable %s: the harness plays values and fields only", variable.Name)
		}
		value, known := fields[variable.ValueFrom.FieldRef.FieldPath]
		if !known {
			return nil, fmt.Errorf("environment variable %s: the harness does not play the field %s", variable.Name, variable.ValueFrom.FieldRef.FieldPath)
		}
		out[variable.Name] = value
	}
	return out, nil
}

// set replaces the value of a flag, or adds the flag.
func set(args []string, flag string) []string {
	name, _, _ := strings.Cut(flag, "=")
	out := slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		return arg == name || strings.HasPrefix(arg, name+"=")
	})
	return append(out, flag)
}
