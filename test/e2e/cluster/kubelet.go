// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	check(err)
	return port
}

// startKubelet serves what kube-apiserver asks of a kubelet for "kubectl logs", and returns
// its port.
func (n *Node) startKubelet(t T) int32 {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/") // containerLogs/NAMESPACE/POD/CONTAINER
		for _, p := range n.all() {
			if len(parts) == 4 && parts[0] == "containerLogs" && parts[2] == p.name {
				fmt.Fprint(w, p.process.Log())
				return
			}
		}
		http.NotFound(w, req)
	}))
	t.Cleanup(server.Close)
	port, err := strconv.ParseInt(portOf(server.Listener.Addr().String()), 10, 32)
	check(err)
	return int32(port)
}

// route leads the Service and the APIService to the Balancer, if they exist.
func (n *Node) route(ctx context.Context) error {
	services := n.control.Client.CoreV1().Services(Namespace)
	service, err := services.Get(ctx, ServerName, metav1.GetOptions{})
	if err == nil && service.Spec.Type != corev1.ServiceTypeExternalName {
		_, err = services.Patch(ctx, ServerName, types.MergePatchType, []byte(`{"spec":{"type":"ExternalName","externalName":"localhost"}}`), metav1.PatchOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	client, err := dynamic.NewForConfig(n.control.Config)
	if err != nil {
		return err
	}
	of := client.Resource(apiServices)
	found, err := of.Get(ctx, APIServiceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	to, remote, err := unstructured.NestedMap(found.Object, "spec", "service")
	if err != nil || !remote || fmt.Sprint(to["port"]) == strconv.Itoa(n.Balancer.Port()) {
		return err
	}
	_, err = of.Patch(ctx, APIServiceName, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"service":{"port":%d}}}`, n.Balancer.Port()), metav1.PatchOptions{})
	return err
}
