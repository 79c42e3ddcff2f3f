// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// The right to write an object's labels and annotations is enough to forge its mark, and is not
// the right to delete it. So a mark alone removes nothing: an object is removed only if its kind,
// name and namespace are those of an object of its owner, computed from the owner's name and UID.
// The name of an account ends in a UID.

// Shapes of names.
var (
	uuid           = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	credentialName = regexp.MustCompile(`^c-[0-9a-f]{61}$`)
)

// belongs reports whether an object may be removed after its owner. The UID is "" where it is not
// known.
func (s *Settings) belongs(t ownership.Object, o ownership.Owner, uid types.UID) bool {
	if t.Resource == ownership.Namespaces {
		return false // package clustercleanup removes them
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

// ofToken reports whether an object is one of a token: see token_objects.go.
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

// ofRegistration reports whether an object is one of a registration: see
// registration_objects.go. Objects for a Cluster's namespace have to be in the namespace that
// follows from the Cluster's name. An account whose whole name is known may be anywhere: the
// Cluster may have been put into another namespace, and rights end with their account.
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

// ofAccount reports whether a name is that of a registration's account.
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

// longestName is the length to which SafeConcat cuts names, and keptOfName the least length of
// their beginning that remains.
const (
	longestName = 63
	keptOfName  = 56
)
