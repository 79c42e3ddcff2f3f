// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command labeldemo labels one Cluster of artifacts/examples and shows the BundleDeployment
// that follows from it, with the time that it took. It is the second half of `make run`. It
// is a program and not two calls of kubectl, because kubectl alone takes longer to start
// than what is measured.
//
// It may be run any number of times: it takes the label off first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace   = "fleet-default"
	clusterName = "prod-frankfurt"
	bundleName  = "platform-gpu-operator"
	labelKey    = "gpu"
	labelValue  = "nvidia"

	// giveUpAfter bounds the whole demonstration, including the retries after wrong
	// answers.
	giveUpAfter = 20 * time.Second
)

var group = schema.GroupVersion{Group: "fleet.cattle.io", Version: "v1alpha1"}

func main() {
	kubeconfig := flag.String("kubeconfig", ".muster/kubeconfig", "kubeconfig of the server")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "labeldemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string) error {
	ctx, cancel := context.WithTimeout(ctx, giveUpAfter)
	defer cancel()

	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	clusters := client.Resource(group.WithResource("clusters")).Namespace(namespace)
	label := func(value string) (*unstructured.Unstructured, error) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, labelKey, value)
		return clusters.Patch(ctx, clusterName, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "labeldemo"})
	}

	cluster, err := label("null")
	if err != nil {
		return fmt.Errorf("taking label %s off cluster %s: %w", labelKey, clusterName, err)
	}
	where, _, err := unstructured.NestedString(cluster.Object, "status", "namespace")
	if err != nil || where == "" {
		return fmt.Errorf("cluster %s/%s has no status.namespace, which would say where its BundleDeployments are", namespace, clusterName)
	}
	deployments := client.Resource(group.WithResource("bundledeployments")).Namespace(where)
	// Asking once beforehand shows that the label makes the difference.
	switch _, err := deployments.Get(ctx, bundleName, metav1.GetOptions{}); {
	case err == nil:
		return fmt.Errorf("cluster %s has no label %s, but bundledeployment %s/%s exists", clusterName, labelKey, where, bundleName)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("getting bundledeployment %s/%s: %w", where, bundleName, err)
	}

	sent := time.Now()
	if _, err := label(`"` + labelValue + `"`); err != nil {
		return fmt.Errorf("labelling cluster %s: %w", clusterName, err)
	}
	patched := time.Now()
	var deployment *unstructured.Unstructured
	asked := 0
	for deployment == nil {
		asked++
		deployment, err = deployments.Get(ctx, bundleName, metav1.GetOptions{})
		if errors.Is(err, context.DeadlineExceeded) || err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("bundledeployment %s/%s, read %d times after the label: %w", where, bundleName, asked, err)
		}
	}
	got := time.Now()

	show(deployment, asked, sent, patched, got)
	return nil
}

func show(deployment *unstructured.Unstructured, asked int, sent, patched, got time.Time) {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(deployment.Object, path...)
		return s
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

	fmt.Printf("label cluster %s/%s %s=%s, then get the BundleDeployment of bundle %s:\n\n", namespace, clusterName, labelKey, labelValue, bundleName)
	rows := [][2]string{
		{"NAMESPACE", deployment.GetNamespace()},
		{"NAME", deployment.GetName()},
		{"DEPLOYMENT ID", text("spec", "deploymentID")},
		{"VALUE region", text("spec", "options", "helm", "values", "region")},
		{"VALUE vendor", text("spec", "options", "helm", "values", "vendor")},
	}
	for _, row := range rows {
		fmt.Printf("  %-14s %s\n", row[0], row[1])
	}
	times := "times"
	if asked == 1 {
		times = "time"
	}
	fmt.Printf("\n  %.1f ms from sending the label to holding the BundleDeployment: PATCH %.1f ms, GET %.1f ms, read %d %s\n",
		milliseconds(got.Sub(sent)), milliseconds(patched.Sub(sent)), milliseconds(got.Sub(patched)), asked, times)
}
