// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// client-go's fake is enough here: the test is about the requests that are made.
func TestOnlyDivergingObjectsAreWritten(t *testing.T) {
	t.Parallel()
	want := &rbacv1.RoleBinding{
		ObjectMeta: Meta("cluster-ns", "request-abcde", "clusterregistrations/fleet-default/request-abcde/1"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-bundle-deployment"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "cluster-ns", Name: "agent"}},
	}
	want.Annotations["fleet.cattle.io/cluster"] = "c"
	with := func(change func(*rbacv1.RoleBinding)) []runtime.Object {
		have := want.DeepCopy()
		have.UID = "have"
		change(have)
		return []runtime.Object{have}
	}
	for _, c := range []struct {
		name   string
		likely bool
		have   []runtime.Object
		does   []string
		says   string
	}{
		{"it does not exist", false, nil, []string{"create"}, ""},
		{"it does not exist, but seemed to", true, nil, []string{"get", "create"}, ""},
		{"it exists, but did not seem to", false, with(func(*rbacv1.RoleBinding) {}), []string{"create", "get"}, ""},
		{"a foreign object exists, but did not seem to", false, with(func(b *rbacv1.RoleBinding) { b.Labels = nil }), []string{"create", "get"}, "was not made by Muster"},
		{"it is as it should be", true, with(func(*rbacv1.RoleBinding) {}), []string{"get"}, ""},
		{"it has more labels and annotations", true, with(func(b *rbacv1.RoleBinding) { b.Labels["a"], b.Annotations["b"] = "c", "d" }), []string{"get"}, ""},
		{"a subject was added", true, with(func(b *rbacv1.RoleBinding) { b.Subjects = append(b.Subjects, rbacv1.Subject{Name: "me"}) }), []string{"get", "update"}, ""},
		{"an annotation was removed", true, with(func(b *rbacv1.RoleBinding) { delete(b.Annotations, "fleet.cattle.io/cluster") }), []string{"get", "update"}, ""},
		{"it binds another role", true, with(func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "cluster-admin" }), []string{"get", "delete", "create"}, ""},
		{"Muster did not make it", true, with(func(b *rbacv1.RoleBinding) { b.ObjectMeta = metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name} }), []string{"get"}, "was not made by Muster"},
		{"it belongs to another registration", true, with(func(b *rbacv1.RoleBinding) {
			b.Annotations[Annotation] = "clusterregistrations/other/request-abcde/1"
		}), []string{"get"}, "belongs to clusterregistrations/other/request-abcde"},
		{"it belongs to one of the same name", true, with(func(b *rbacv1.RoleBinding) {
			b.Annotations[Annotation] = "clusterregistrations/fleet-default/request-abcde/old"
		}), []string{"get"}, "belongs to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(c.have...)
			got, err := ensure(t.Context(), client.RbacV1().RoleBindings(want.Namespace), roleBindingContent, want.DeepCopy(), c.likely)
			var does []string
			for _, action := range client.Actions() {
				does = append(does, action.GetVerb())
			}
			require.True(t, slices.Equal(c.does, does), "%v", does)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want.Subjects, got.Subjects)
			require.Equal(t, want.RoleRef, got.RoleRef)
			require.True(t, contains(got.Annotations, want.Annotations))
		})
	}
}
