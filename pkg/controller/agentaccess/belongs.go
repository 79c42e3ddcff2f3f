// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Who may write an object's labels and annotations decides what its mark says, and
// need not have the right to delete it. So a mark alone removes nothing: an object
// goes only if its kind, name and namespace are those of an object that its owner
// would have, computed from the owner's own name and UID. A Namespace has no other
// name than that of S 8.1; an account's ends in a UID.

// Shapes of names.
var (
	uuid           = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	credentialName = regexp.MustCompile(`^c-[0-9a-f]{61}$`)
)

// belongs tells whether an object may be removed for the end of an owner, "" being a
// UID that is not known.
func (s *Settings) belongs(t ownership.Object, o ownership.Owner, uid types.UID) bool {
	if t.Resource == ownership.Namespaces {
		return o.Resource == record.Clusters && t.GetName() == names.ClusterNamespace(o.Name.Namespace, o.Name.Name) && !s.isSystem(t.GetName())
	}
	if strings.HasPrefix(t.GetNamespace(), "kube-") || uid != "" && !uuid.MatchString(string(uid)) {
		return false
	}
	switch o.Resource {
	case tokens:
		return uid != "" && s.ofToken(t, o, uid)
	case registrations:
		return s.ofRegistration(t, o, uid)
	}
	return false
}

// isSystem tells of namespaces that no Cluster's end takes along, whatever they are
// called.
func (s *Settings) isSystem(namespace string) bool {
	switch namespace {
	case metav1.NamespaceDefault, s.SystemNamespace, s.registrationNamespace(), s.OwnNamespace:
		return true
	}
	return strings.HasPrefix(namespace, "kube-")
}

// ofToken tells of the objects of a token: those of token_objects.go.
func (s *Settings) ofToken(t ownership.Object, o ownership.Owner, uid types.UID) bool {
	account := names.SafeConcat(o.Name.Name, string(uid))
	name, here := t.GetName(), t.GetNamespace() == o.Name.Namespace
	switch t.Resource {
	case ownership.ServiceAccounts:
		return here && name == account
	case ownership.Secrets:
		return here && (name == account+"-token" || name == o.Name.Name)
	case ownership.Roles:
		return here && name == names.SafeConcat(account, "role") || s.fetches(t, account)
	case ownership.RoleBindings:
		return here && name == names.SafeConcat(account, "to", "role") || s.fetches(t, account)
	}
	return false
}

func (s *Settings) fetches(t ownership.Object, account string) bool {
	return t.GetNamespace() == s.registrationNamespace() && t.GetName() == names.SafeConcat(account, "creds")
}

// ofRegistration tells of the objects of a registration: those of
// registration_objects.go. What is in a Cluster's namespace counts where such a
// namespace is; an account whose name is known to the last character, anywhere, since
// somebody may have put the Cluster somewhere else, and rights end with their account.
func (s *Settings) ofRegistration(t ownership.Object, o ownership.Owner, uid types.UID) bool {
	name, inside := t.GetName(), false
	if cluster := t.GetAnnotations()[v1alpha1.LabelCluster]; cluster != "" {
		inside = t.GetNamespace() == names.ClusterNamespace(o.Name.Namespace, cluster)
	}
	switch t.Resource {
	case ownership.ServiceAccounts:
		return ofAccount(name, o, uid, inside)
	case ownership.Secrets:
		if t.GetNamespace() == s.registrationNamespace() {
			return credentialName.MatchString(name)
		}
		account, is := strings.CutSuffix(name, "-token")
		return is && ofAccount(account, o, uid, inside)
	case ownership.Roles:
		return t.GetNamespace() == o.Name.Namespace && name == o.Name.Name
	case ownership.RoleBindings:
		return (inside || t.GetNamespace() == o.Name.Namespace) && name == o.Name.Name
	case ownership.ClusterRoleBindings:
		return name == names.SafeConcat(o.Name.Name, "content")
	}
	return false
}

// ofAccount tells of the name of a registration's account.
func ofAccount(account string, o ownership.Owner, uid types.UID, inside bool) bool {
	if uid != "" {
		return account == names.SafeConcat(o.Name.Name, string(uid))
	}
	rest, named := strings.CutPrefix(account, o.Name.Name+"-")
	if len(account) == longestName { // it is cut, and ends in a hash
		return inside && strings.HasPrefix(account, o.Name.Name[:min(len(o.Name.Name), keptOfName)])
	}
	return inside && named && uuid.MatchString(rest)
}

// longestName is the length of names that SafeConcat cuts, and keptOfName is what is
// left of their beginning at least.
const (
	longestName = 63
	keptOfName  = 56
)
