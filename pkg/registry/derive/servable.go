// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// The names and labels of a BundleDeployment come from its Bundle and its Cluster (S 5.1,
// S 8.1). A write of its status fails if one of them is not valid:
//
//	metadata.name               the Bundle's name, a DNS subdomain in both
//	metadata.namespace          the Cluster's namespace: a DNS label, without dots
//	label bundle-name           the Bundle's name: 63 characters at most
//	label cluster               the Cluster's name: 63 characters at most
//	bundle-, cluster-namespace  names of namespaces: always valid
//	label content-name          "s-" and hexadecimal digits: always valid
//	labels of the Bundle        checked when the Bundle was written

// BarredBundle returns why a Bundle with this name can have no BundleDeployment, "" if it
// can.
func BarredBundle(name string) string {
	if len(validation.IsValidLabelValue(name)) == 0 {
		return ""
	}
	return fmt.Sprintf("metadata.name has %d characters, and the label %s of BundleDeployments takes %d at most, so nothing is deployed: create the Bundle again with a shorter name",
		len(name), v1alpha1.LabelBundleName, validation.LabelValueMaxLength)
}

// BarredCluster returns why a Cluster with this name, and with this namespace for its
// BundleDeployments, can have none; "" if it can. The namespace is "" for a Cluster that
// has none yet, which bars nothing.
func BarredCluster(name, namespace string) string {
	if len(validation.IsValidLabelValue(name)) > 0 {
		return fmt.Sprintf("metadata.name has %d characters, and the label %s of BundleDeployments takes %d at most, so nothing is deployed: create the Cluster again with a shorter name",
			len(name), v1alpha1.LabelCluster, validation.LabelValueMaxLength)
	}
	if namespace == "" || len(validation.IsDNS1123Label(namespace)) == 0 {
		return ""
	}
	return fmt.Sprintf("metadata.name gives the Cluster the namespace %q, and no namespace can have that name, so nothing is deployed: create the Cluster again with a name of lower-case letters, digits and dashes, or set status.namespace", namespace)
}
