{{/* What every object is called by. `.` is the root, or a dict with root and component. */}}

{{- define "sardana-redis.fullname" -}}
{{/* 40 characters leave room for the component and for what a StatefulSet adds to its name. */}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "sardana-redis.name" -}}
{{ include "sardana-redis.fullname" .root }}-{{ .component }}
{{- end -}}

{{/* The component's Service, by the name that servers and clients both resolve. */}}
{{- define "sardana-redis.host" -}}
{{ include "sardana-redis.name" . }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end -}}

{{- define "sardana-redis.selector" -}}
app.kubernetes.io/name: sardana-redis
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Pods have no label that a release of the chart changes: they would be restarted for nothing. */}}
{{- define "sardana-redis.podLabels" -}}
{{ include "sardana-redis.selector" . }}
app.kubernetes.io/part-of: sardana-redis
beamline: {{ .root.Values.beamline | quote }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.labels" -}}
{{ include "sardana-redis.selector" . }}
app.kubernetes.io/part-of: sardana-redis
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
beamline: {{ .root.Values.beamline | quote }}
{{- end -}}

{{- define "sardana-redis.metadata" -}}
name: {{ include "sardana-redis.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "sardana-redis.labels" . | nindent 2 }}
{{- end -}}

{{/* Pods with this label are let in to Redis and Tango. */}}
{{- define "sardana-redis.clientLabel" -}}
{{ include "sardana-redis.fullname" . }}-client: "true"
{{- end -}}

{{- define "sardana-redis.image" -}}
{{- $image := .root.Values.image -}}
{{- .values.image | default (printf "%s/%s/%s:%s" $image.registry $image.repository (.image | default .component) ($image.tag | default .root.Chart.AppVersion)) -}}
{{- end -}}
