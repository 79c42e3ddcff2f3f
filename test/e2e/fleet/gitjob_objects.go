// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/md5" //nolint:gosec // a name, as Fleet makes it
	"encoding/hex"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// SystemNamespace is the namespace of Fleet's programs, and RegistrationNamespace that of
// agents' credentials.
const (
	SystemNamespace       = "cattle-fleet-system"
	RegistrationNamespace = "cattle-fleet-clusters-system"
)

// Labels and variables of a Job.
const (
	labelForced     = "fleet.cattle.io/force-sync-generation"
	labelGeneration = "fleet.cattle.io/gitrepo-generation"
	commitVariable  = "COMMIT"
	targetsKey      = "targets.yaml"
	caKey           = "additional-ca.crt"
)

// jobName returns the name of the Job for a commit (S 4.8).
func jobName(repo *v1alpha1.GitRepo) string {
	sum := md5.Sum([]byte(repo.Spec.Repo + repo.Status.Commit)) //nolint:gosec
	return names.SafeConcat(repo.Name, hex.EncodeToString(sum[:])[:5])
}

// start creates the Job of a GitRepo and what it needs, all owned by the GitRepo.
func (g *gitjob) start(ctx context.Context, repo *v1alpha1.GitRepo) error {
	account := names.SafeConcat("git", repo.Name)
	meta := metav1.ObjectMeta{Namespace: repo.Namespace, Name: account}
	owned := &corev1.ServiceAccount{ObjectMeta: meta}
	if err := controllerutil.SetControllerReference(repo, owned, g.Scheme()); err != nil {
		return err
	}
	if err := g.Create(ctx, owned); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	role, binding := &rbacv1.Role{ObjectMeta: meta}, &rbacv1.RoleBinding{ObjectMeta: meta}
	if err := g.own(ctx, repo, role, func() { role.Rules = jobRules }); err != nil {
		return err
	}
	if err := g.own(ctx, repo, binding, func() {
		binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: repo.Namespace, Name: account}}
		binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account}
	}); err != nil {
		return err
	}
	targets, err := json.Marshal(jobTargets(repo))
	if err != nil {
		return err
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: repo.Namespace, Name: names.SafeConcat(repo.Name, "config", names.KeyHash(string(targets)))}}
	if err := g.own(ctx, repo, config, func() { config.BinaryData = map[string][]byte{targetsKey: targets} }); err != nil {
		return err
	}
	if len(repo.Spec.CABundle) > 0 {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: repo.Namespace, Name: names.SafeConcat(repo.Name, "cabundle")}}
		if err := g.own(ctx, repo, secret, func() { secret.Data = map[string][]byte{caKey: repo.Spec.CABundle} }); err != nil {
			return err
		}
	}
	job, err := g.job(ctx, repo, account, config.Name)
	if err != nil {
		return err
	}
	return g.Create(ctx, job)
}

// own creates or updates an object that belongs to the GitRepo.
func (g *gitjob) own(ctx context.Context, repo *v1alpha1.GitRepo, object client.Object, change func()) error {
	_, err := controllerutil.CreateOrUpdate(ctx, g.Client, object, func() error {
		change()
		return controllerutil.SetControllerReference(repo, object, g.Scheme())
	})
	return err
}

// jobRules are the rights of "fleet apply".
var jobRules = []rbacv1.PolicyRule{
	{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"bundles", "imagescans"}, Verbs: []string{"get", "create", "update", "list", "delete"}},
	{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"gitrepos"}, Verbs: []string{"get"}},
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create", "update", "delete"}},
	{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create"}},
}

// jobTargets returns the targets of a GitRepo as those of a Bundle, each also a restriction.
func jobTargets(repo *v1alpha1.GitRepo) v1alpha1.BundleSpec {
	targets := repo.Spec.Targets
	if len(targets) == 0 {
		targets = []v1alpha1.GitTarget{{Name: "default", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "default"}}}
	}
	spec := v1alpha1.BundleSpec{}
	for _, t := range targets {
		spec.Targets = append(spec.Targets, v1alpha1.BundleTarget{Name: t.Name, ClusterCriteria: t.ClusterCriteria})
		spec.TargetRestrictions = append(spec.TargetRestrictions, v1alpha1.BundleTargetRestriction(t))
	}
	return spec
}

// job returns the Job. It needs a Deployment and a ConfigMap of Fleet's.
func (g *gitjob) job(ctx context.Context, repo *v1alpha1.GitRepo, account, config string) (*batchv1.Job, error) {
	fleetController, hosts := &appsv1.Deployment{}, &corev1.ConfigMap{}
	if err := g.Get(ctx, types.NamespacedName{Namespace: SystemNamespace, Name: "fleet-controller"}, fleetController); err != nil {
		return nil, err
	}
	if err := g.Get(ctx, types.NamespacedName{Namespace: SystemNamespace, Name: "known-hosts"}, hosts); err != nil {
		return nil, err
	}
	if hosts.Data["known_hosts"] == "" {
		return nil, fmt.Errorf("ConfigMap known-hosts is empty")
	}
	container := corev1.Container{
		Name: "fleet", Image: "rancher/fleet:latest", Command: []string{"log.sh"},
		Args: append([]string{"fleet", "apply", "--targets-file=/run/config/" + targetsKey, "--namespace=" + repo.Namespace, repo.Name}, repo.Spec.Paths...),
		Env: []corev1.EnvVar{
			{Name: "HOME", Value: "/fleet-home"}, {Name: commitVariable, Value: repo.Status.Commit}, {Name: "FLEET_KNOWN_HOSTS", Value: hosts.Data["known_hosts"]},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/run/config"}},
	}
	cloner := corev1.Container{Name: "gitcloner-initializer", Image: container.Image, Command: container.Command, Args: []string{"fleet", "gitcloner", repo.Spec.Repo, "/workspace"}}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: repo.Namespace, Name: jobName(repo),
			Labels:      map[string]string{labelForced: fmt.Sprint(repo.Spec.ForceSyncGeneration), labelGeneration: fmt.Sprint(repo.Generation)},
			Annotations: map[string]string{"generation": fmt.Sprint(repo.Generation), "commit": repo.Status.Commit},
		},
		Spec: batchv1.JobSpec{BackoffLimit: new(int32(0)), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			ServiceAccountName: account, RestartPolicy: corev1.RestartPolicyNever, Tolerations: fleetController.Spec.Template.Spec.Tolerations,
			InitContainers: []corev1.Container{cloner}, Containers: []corev1.Container{container},
			Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: config}}}}},
		}}},
	}
	return job, controllerutil.SetControllerReference(repo, job, g.Scheme())
}
