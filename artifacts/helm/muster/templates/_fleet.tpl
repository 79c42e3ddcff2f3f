{{- /*
Copyright The Muster Authors.
SPDX-License-Identifier: Apache-2.0
*/ -}}
{{- /* The namespace of Fleet's programs. gitjob looks for ConfigMap known-hosts in this one, whatever NAMESPACE says. */ -}}
{{- define "muster.fleetNamespace" -}}
cattle-fleet-system
{{- end }}

{{- /* include "muster.fleetLabels" (list . "gitjob") */ -}}
{{- define "muster.fleetLabels" -}}
app.kubernetes.io/name: {{ index . 1 }}
{{ include "muster.release" (index . 0) }}
{{- end }}

{{- define "muster.fleetImage" -}}
{{ .Values.fleetControllers.image.repository }}:{{ .Values.fleetControllers.image.tag }}
{{- end }}

{{- /* The ConfigMap's key config. The chart's values come first, those of fleetControllers.config last. */ -}}
{{- define "muster.fleetConfig" -}}
{{- $own := dict
  "agentImage" (printf "%s:%s" .Values.fleetControllers.agentImage.repository (.Values.fleetControllers.agentImage.tag | default .Values.fleetControllers.image.tag))
  "agentImagePullPolicy" .Values.fleetControllers.agentImage.pullPolicy
  "apiServerURL" .Values.agents.apiServerURL
  "apiServerCA" (.Values.fleetControllers.agentmanagement.apiServerCA | b64enc) -}}
{{- mergeOverwrite $own .Values.fleetControllers.config | toPrettyJson -}}
{{- end }}

{{- /* What the Pods of Fleet's programs have in common: include "muster.fleetPod" . */ -}}
{{- define "muster.fleetPod" -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.fleetControllers.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The environment of Fleet's programs: include "muster.fleetEnvironment" . */ -}}
{{- define "muster.fleetEnvironment" -}}
- name: NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: CATTLE_ELECTION_LEASE_DURATION
  value: 30s
- name: CATTLE_ELECTION_RETRY_PERIOD
  value: 10s
- name: CATTLE_ELECTION_RENEW_DEADLINE
  value: 25s
{{- with .Values.fleetControllers.proxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
- name: NO_PROXY
  value: {{ $.Values.fleetControllers.noProxy | quote }}
{{- end }}
{{- with .Values.fleetControllers.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "muster.fleetSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* Account and bindings of a program: include "muster.fleetAccount" (list . "gitjob") */ -}}
{{- define "muster.fleetAccount" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ include "muster.fleetNamespace" $root }}
  labels:
    {{- include "muster.fleetLabels" . | nindent 4 }}
  {{- with $root.Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "muster.fleetLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
- kind: ServiceAccount
  name: {{ $name }}
  namespace: {{ include "muster.fleetNamespace" $root }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ include "muster.fleetNamespace" $root }}
  labels:
    {{- include "muster.fleetLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
- kind: ServiceAccount
  name: {{ $name }}
  namespace: {{ include "muster.fleetNamespace" $root }}
---
# The Lease of the replica that works, and events about it.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ include "muster.fleetNamespace" $root }}
  labels:
    {{- include "muster.fleetLabels" . | nindent 4 }}
rules:
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ index . 2 }}]
  verbs: [get, update]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
