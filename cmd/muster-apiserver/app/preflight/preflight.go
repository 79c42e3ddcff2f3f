// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// Run reports whether Muster can be installed in a cluster, and what prevents it. config
// is an operator's, with more rights than the server's. Etcd is checked if o names servers.
func Run(ctx context.Context, config *rest.Config, o *etcdoptions.Options, say func(format string, args ...any)) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	return errors.Join(checkCluster(ctx, client, say), checkEtcd(ctx, o, say))
}

// checkEtcd checks etcd once: an operator can run the command again.
func checkEtcd(ctx context.Context, o *etcdoptions.Options, say func(format string, args ...any)) error {
	if len(o.Servers) == 0 {
		say("etcd was not checked: --etcd-servers is not given")
		return nil
	}
	if err := errors.Join(o.Validate()...); err != nil {
		return err
	}
	client, err := etcd.Connect(o.ClientConfig)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := etcd.Check(ctx, client, o.Prefix); err != nil {
		return err
	}
	say("ok: etcd at %s answers and is fit", strings.Join(o.Servers, ","))
	return nil
}

func checkCluster(ctx context.Context, client dynamic.Interface, say func(format string, args ...any)) error {
	taken := CheckGroup(ctx, client)
	if taken != nil && !errors.Is(taken, errTaken) {
		return taken
	}
	if taken == nil {
		if err := checkService(ctx, client, say); err != nil {
			return err
		}
	}
	names, err := listDefinitions(ctx, client)
	switch {
	case taken != nil && err != nil:
		return err
	case taken != nil:
		describeDefinitions(ctx, client, names, say)
		return fmt.Errorf("%w: CustomResourceDefinitions of %s", errTaken, v1alpha1.SchemeGroupVersion.Group)
	case err != nil:
		// An operator who may not list them still gets the server's own answer.
		say("ok: kube-apiserver itself does not serve %s (it is unknown whether the APIService hides definitions: %v)", v1alpha1.SchemeGroupVersion.Group, err)
		return nil
	case len(names) > 0:
		say("not ok: the APIService %s hides CustomResourceDefinitions that are in this cluster too:", apiServiceName)
		for _, name := range names {
			say("  %s", name)
		}
		say("Without the APIService, clients would see the objects that are stored in these, and agents would uninstall everything else.")
		say("Nothing has been changed. Before you remove the APIService, remove the definitions if you need nothing that is stored in them; else stop all agents.")
		return fmt.Errorf("CustomResourceDefinitions of %s are hidden by the APIService", v1alpha1.SchemeGroupVersion.Group)
	}
	say("ok: nothing else serves %s in this cluster", v1alpha1.SchemeGroupVersion.Group)
	return nil
}

// service is the name of Muster's Service in every manifest.
const service = "muster-apiserver"

// checkService fails with errTaken if the APIService names another Service than Muster's.
// The server leaves that decision to the operator; before an installation the operator
// may not know of it.
func checkService(ctx context.Context, client dynamic.Interface, say func(format string, args ...any)) error {
	found, err := client.Resource(apiServices).Get(ctx, apiServiceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read APIService %s: %w", apiServiceName, err)
	}
	name, _, _ := unstructured.NestedString(found.Object, "spec", "service", "name")
	namespace, _, _ := unstructured.NestedString(found.Object, "spec", "service", "namespace")
	if name == service {
		return nil
	}
	say("not ok: the APIService %s sends clients to Service %s/%s, which is not Muster's; Muster's would take its place.", apiServiceName, namespace, name)
	say("Nothing has been changed. First remove the program that it belongs to.")
	return fmt.Errorf("%w: Service %s/%s", errTaken, namespace, name)
}

// listDefinitions returns the names of the group's CustomResourceDefinitions.
func listDefinitions(ctx context.Context, client dynamic.Interface) ([]string, error) {
	list, err := client.Resource(definitions).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list CustomResourceDefinitions: %w", err)
	}
	var names []string
	for _, item := range list.Items {
		if group, _, _ := unstructured.NestedString(item.Object, "spec", "group"); group == v1alpha1.SchemeGroupVersion.Group {
			names = append(names, item.GetName())
		}
	}
	return names, nil
}

// describeDefinitions reports how many objects each definition has, and what to do. A
// definition is named after its resource.
func describeDefinitions(ctx context.Context, client dynamic.Interface, names []string, say func(format string, args ...any)) {
	say("not ok: CustomResourceDefinitions serve %s here, and would be hidden by Muster's APIService:", v1alpha1.SchemeGroupVersion.Group)
	for _, name := range names {
		plural, _, _ := strings.Cut(name, ".")
		objects, err := client.Resource(v1alpha1.SchemeGroupVersion.WithResource(plural)).List(ctx, metav1.ListOptions{})
		if err != nil {
			say("  %-50s (its objects cannot be counted: %v)", name, err)
			continue
		}
		say("  %-50s objects: %d", name, len(objects.Items))
	}
	if found, err := client.Resource(apiServices).Get(ctx, apiServiceName, metav1.GetOptions{}); err == nil && found.GetLabels()["app.kubernetes.io/part-of"] == "muster" {
		say("Muster's APIService was applied over kube-apiserver's own. That is back, but has lost the list of kinds: kubectl does not find them,")
		say("and deletions of namespaces wait. This repairs it, since kube-apiserver makes a new one within seconds:")
		say("  kubectl delete apiservice %s", apiServiceName)
	}
	say("Nothing has been changed. To move from Fleet to Muster: stop Fleet's agents and controllers, save the objects, then remove the definitions,")
	say("  kubectl delete crd %s", strings.Join(names, " "))
	say("and install Muster; docs/install.md lists the steps. Agents that still run would uninstall what they deployed.")
}
