{{/* Who may talk to whom. `.` is a part; ports are numbers, as they are behind a Service. */}}

{{- define "sardana-redis.networkPolicy" -}}
{{- $policy := .root.Values.networkPolicy -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "sardana-redis.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if eq .component "test" }} []{{ end }}
    {{- if .serves }}
    - from:
        {{- include "sardana-redis.clients" . | nindent 8 }}
      ports:
        {{- include "sardana-redis.servedPorts" . | trim | nindent 8 }}
    {{- end }}
    {{- $peers := $policy.metricsFrom | default list }}
    {{- if not .serves }}
    {{- $peers = concat $peers (include "sardana-redis.podPeer" (dict "root" .root "component" "test") | fromYamlArray) }}
    {{- end }}
    {{- if and .metrics $peers }}
    - from:
        {{- toYaml $peers | nindent 8 }}
      ports:
        - {protocol: TCP, port: {{ .metrics }}}
    {{- end }}
  egress:
    {{- with include "sardana-redis.egress" . | trim }}
    {{- . | nindent 4 }}
    {{- else }} []
    {{- end }}
{{- end -}}

{{- define "sardana-redis.podPeer" -}}
- podSelector:
    matchLabels:
      {{- include "sardana-redis.selector" . | nindent 6 }}
{{- end -}}

{{/* The parts that come to what this one serves, and pods with the client's label. */}}
{{- define "sardana-redis.clients" -}}
{{- $root := .root -}}
{{- $served := .serves -}}
{{- range $component := include "sardana-redis.components" $root | fromYamlArray }}
{{- $client := dict "root" $root "component" $component }}
{{- include "sardana-redis.part" $client }}
{{- if and $client.enabled (get $client $served) }}
{{ include "sardana-redis.podPeer" $client }}
{{- end }}
{{- end }}
- podSelector:
    matchLabels:
      {{ include "sardana-redis.clientLabel" $root }}
{{- with $root.Values.networkPolicy.clientsFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.components" -}}
[redis, tango-db, pool, macroserver, spec-writer, nexus-writer, memory-tracker, test]
{{- end -}}

{{- define "sardana-redis.servedPorts" -}}
{{- if eq .component "redis" }}
- {protocol: TCP, port: 6379}
{{- else if eq .component "tango-db" }}
- {protocol: TCP, port: {{ .values.port }}}
{{- else }}
{{- range $name := list "server" "heartbeat" "event" }}
- {protocol: TCP, port: {{ get $.values.ports $name }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.egress" -}}
{{- $root := .root -}}
{{- $v := .root.Values -}}
{{- if or .redis .tango }}
- to:
    {{- toYaml $v.networkPolicy.dns.peers | nindent 4 }}
  ports:
    - {protocol: UDP, port: {{ $v.networkPolicy.dns.port }}}
    - {protocol: TCP, port: {{ $v.networkPolicy.dns.port }}}
{{- end }}
{{- if and .redis $v.redis.external.host }}
- ports:
    - {protocol: TCP, port: {{ $v.redis.external.port }}}
{{- end }}
{{- if and .tango $v.tango.external.host }}
- ports:
    - {protocol: TCP, port: {{ $v.tango.external.port }}}
{{- end }}
{{- range $component := include "sardana-redis.components" $root | fromYamlArray }}
{{- $server := dict "root" $root "component" $component }}
{{- include "sardana-redis.part" $server }}
{{- if and $server.enabled $server.serves (get $ ($server.serves | default "none")) }}
- ports:
    {{- include "sardana-redis.servedPorts" $server | trim | nindent 4 }}
  {{- if not (and $v.tango.hostNetwork (eq $server.serves "tango")) }}
  to:
    {{- include "sardana-redis.podPeer" $server | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- if eq .component "test" }}
{{- range $component := include "sardana-redis.components" $root | fromYamlArray }}
{{- $server := dict "root" $root "component" $component }}
{{- include "sardana-redis.part" $server }}
{{- if and $server.enabled $server.metrics (not $server.serves) }}
- ports:
    - {protocol: TCP, port: {{ $server.metrics }}}
  to:
    {{- include "sardana-redis.podPeer" $server | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
{{- with .values.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
