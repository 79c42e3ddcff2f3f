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

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// group is the API group that Muster serves.
const group = v1alpha1.GroupName

// checkGroup checks that nothing else serves the group.
func (p *preflight) checkGroup(ctx context.Context) {
	taken := CheckGroup(ctx, p.dynamic)
	if taken != nil && !errors.Is(taken, errTaken) {
		p.fault("%v; run this command with the rights of an administrator", taken)
		return
	}
	if taken == nil && !p.checkService(ctx) {
		return
	}
	names, err := p.listDefinitions(ctx)
	switch {
	case err != nil && taken != nil:
		p.fault("CustomResourceDefinitions serve %s here, and cannot be listed: %v; run this command with the rights of an administrator", group, err)
	case err != nil:
		p.warn("kube-apiserver itself does not serve %s, but it is unknown whether the APIService hides definitions: %v; run this command with the rights of an administrator", group, err)
	case taken != nil:
		p.reportDefinitions(ctx, names)
	case len(names) > 0:
		p.fault("the APIService %s hides CustomResourceDefinitions: %s. Without the APIService, clients would see what is stored in these, and agents would uninstall everything else; "+
			"before you remove the APIService, remove the definitions if you need nothing that is stored in them, else stop all agents", apiServiceName, strings.Join(names, " "))
	default:
		p.ok("nothing else serves %s in this cluster", group)
	}
}

// checkService reports whether the APIService is absent or names Muster's Service. The
// server leaves that decision to the operator. Before an installation, the operator may not
// know of another Service.
func (p *preflight) checkService(ctx context.Context) bool {
	found, err := p.apiService(ctx)
	if err != nil {
		p.fault("%v; run this command again", err)
		return false
	}
	if found == nil {
		return true
	}
	name, _, _ := unstructured.NestedString(found.Object, "spec", "service", "name")
	namespace, _, _ := unstructured.NestedString(found.Object, "spec", "service", "namespace")
	switch {
	case name != service:
		p.fault("the APIService %s sends clients to Service %s/%s, which is not Muster's, and Muster's would take its place; first remove the program that it belongs to", apiServiceName, namespace, name)
		return false
	case namespace != p.namespace:
		p.fault("the APIService %s sends clients to Muster in namespace %s, and a cluster can have one Muster; name that namespace with --namespace, or uninstall that Muster", apiServiceName, namespace)
		return false
	}
	return true
}

// apiService returns the group's APIService, nil if there is none.
func (p *preflight) apiService(ctx context.Context) (*unstructured.Unstructured, error) {
	found, err := p.dynamic.Resource(apiServices).Get(ctx, apiServiceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read APIService %s: %w", apiServiceName, err)
	}
	return found, nil
}

// listDefinitions returns the names of the group's CustomResourceDefinitions.
func (p *preflight) listDefinitions(ctx context.Context) ([]string, error) {
	list, err := p.dynamic.Resource(definitions).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list CustomResourceDefinitions: %w", err)
	}
	var names []string
	for _, item := range list.Items {
		if of, _, _ := unstructured.NestedString(item.Object, "spec", "group"); of == group {
			names = append(names, item.GetName())
		}
	}
	return names, nil
}

// reportDefinitions reports how many objects each definition has, and what to do. A
// definition is named after its resource.
func (p *preflight) reportDefinitions(ctx context.Context, names []string) {
	const save = "save them before you remove the definition"
	for _, name := range names {
		plural, _, _ := strings.Cut(name, ".")
		objects, err := p.dynamic.Resource(v1alpha1.SchemeGroupVersion.WithResource(plural)).List(ctx, metav1.ListOptions{})
		if err != nil {
			p.warn("CustomResourceDefinition %s has objects that cannot be counted: %v; %s", name, err, save)
			continue
		}
		p.warn("CustomResourceDefinition %s has objects: %d; %s", name, len(objects.Items), save)
	}
	if found, err := p.apiService(ctx); err == nil && found != nil && found.GetLabels()["app.kubernetes.io/part-of"] == "muster" {
		p.fault("Muster's APIService was applied over kube-apiserver's own. That is back, but has lost the list of kinds: kubectl does not find them, and deletions of namespaces wait. "+
			"kube-apiserver makes a new one within seconds if you run: kubectl delete apiservice %s", apiServiceName)
	}
	p.fault("CustomResourceDefinitions serve %s here, and Muster's APIService would hide them. Agents that still run would uninstall what they deployed. "+
		"docs/install.md lists the steps from Fleet to Muster; when agents and Fleet's controllers are stopped and the objects are saved, run: kubectl delete crd %s", group, strings.Join(names, " "))
}
