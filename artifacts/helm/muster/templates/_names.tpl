{{- /*
Copyright The Muster Authors.
SPDX-License-Identifier: Apache-2.0
*/ -}}
{{- define "muster.labels" -}}
app.kubernetes.io/name: muster-apiserver
{{ include "muster.release" . }}
{{- end }}

{{- define "muster.controllerLabels" -}}
app.kubernetes.io/name: muster-controller
{{ include "muster.release" . }}
{{- end }}

{{- define "muster.release" -}}
app.kubernetes.io/part-of: muster
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The image of a program: include "muster.image" (list . "apiserver") */ -}}
{{- define "muster.image" -}}
{{- $root := index . 0 -}}
{{- $program := index . 1 -}}
{{- with $root.Values.image -}}
{{- $digest := get .digests $program -}}
{{- if $digest -}}
{{ .registry }}/muster-{{ $program }}@{{ $digest }}
{{- else -}}
{{ .registry }}/muster-{{ $program }}:{{ .tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}


{{- /* The rules of the agents' roles: part of Fleet's protocol, and written as agentmanagement writes them, so that neither changes them back. */ -}}
{{- define "muster.rules.fleet-bundle-deployment" -}}
- apiGroups: [fleet.cattle.io]
  resources: [bundledeployments]
  verbs: [get, list, watch]
- apiGroups: [fleet.cattle.io]
  resources: [bundledeployments/status]
  verbs: [update, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}

{{- define "muster.rules.fleet-content" -}}
- apiGroups: [fleet.cattle.io]
  resources: [contents]
  # No list: an agent gets the Content that one of its BundleDeployments names by hash.
  verbs: [get]
{{- end }}
