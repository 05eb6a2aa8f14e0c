{{/*
The settings file of each component: sections of sardana_redis.settings, and nothing else.
With `withoutWriters`, what only a first start takes from the list of writers is left out: the
checksum of MacroServer's pod does not change with it.
*/}}

{{- define "sardana-redis.settings" -}}
{{- include (printf "sardana-redis.settings.%s" .component) . -}}
{{- end -}}

{{- define "sardana-redis.settingsMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
data:
  config.yaml: |
    {{- include "sardana-redis.settings" . | nindent 4 }}
{{- end -}}

{{- define "sardana-redis.tangoHost" -}}
{{- with .Values.tango.external -}}
{{- if .host -}}
{{ .host }}:{{ .port }}
{{- else -}}
{{ include "sardana-redis.host" (dict "root" $ "component" "tango-db") }}:{{ $.Values.tangoDb.port }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Puts into a dict what it lacks of another one: `merge` would take false and 0 for missing. */}}
{{- define "sardana-redis.fill" -}}
{{- range $name, $value := index . 1 -}}
{{- if not (hasKey (index $ 0) $name) }}{{ $_ := set (index $ 0) $name $value }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Redis as one role reaches it. The password is in a file. */}}
{{- define "sardana-redis.settings.redis" -}}
{{- $redis := .root.Values.redis -}}
{{- $host := $redis.external.host | default (include "sardana-redis.host" (dict "root" .root "component" "redis")) -}}
{{- $port := ternary $redis.external.port 6379 (ne $redis.external.host "") -}}
{{- $user := ternary .redis $redis.auth.username $redis.auth.acl.enabled -}}
url: {{ printf "%s://%s%s:%v%s"
  (ternary "rediss" "redis" $redis.tls.enabled)
  (ternary (printf "%s@" ($user | urlquery)) "" (ne $user ""))
  (ternary (printf "[%s]" $host) $host (contains ":" $host))
  $port
  (ternary "?ssl_ca_certs=/run/secrets/sardana-redis-tls/ca.crt" "" (and $redis.tls.enabled (ne $redis.tls.existingSecret "")))
  | quote }}
{{- if $redis.auth.existingSecret }}
password_file: /run/secrets/sardana-redis/password
{{- end }}
{{- end -}}

{{- define "sardana-redis.settings.follower" -}}
{{ include "sardana-redis.settings.redis" . }}
session: {{ .root.Values.beamline | quote }}
log_level: {{ .root.Values.config.log_level }}
{{- $own := deepCopy .values.config -}}
{{- include "sardana-redis.fill" (list $own (dict "http_host" "0.0.0.0" "http_port" .metrics)) }}
{{ .section }}:
  {{- toYaml $own | nindent 2 }}
{{- end -}}

{{- define "sardana-redis.settings.spec-writer" -}}
{{- include "sardana-redis.settings.follower" (merge (dict "section" "spec_writer") .) -}}
{{- end -}}

{{- define "sardana-redis.settings.nexus-writer" -}}
{{- include "sardana-redis.settings.follower" (merge (dict "section" "nexus_writer") .) -}}
{{- end -}}

{{- define "sardana-redis.settings.memory-tracker" -}}
{{- include "sardana-redis.settings.follower" (merge (dict "section" "memory_tracker") .) -}}
{{- end -}}

{{- define "sardana-redis.settings.pool" -}}
log_level: {{ .root.Values.config.log_level }}
{{- $device := deepCopy .values.config.device_server -}}
{{- include "sardana-redis.fill" (list $device (include "sardana-redis.deviceServer" . | fromYaml)) }}
device_server:
  {{- toYaml $device | nindent 2 }}
{{- end -}}

{{/* The part of `device_server` that the chart sets. In the node's own network it has no other name. */}}
{{- define "sardana-redis.deviceServer" -}}
instance: {{ .root.Values.beamline | quote }}
{{- if not .root.Values.tango.hostNetwork }}
public_host: {{ include "sardana-redis.host" . }}
{{- end }}
port: {{ .values.ports.server }}
heartbeat_port: {{ .values.ports.heartbeat }}
event_port: {{ .values.ports.event }}
http_host: 0.0.0.0
http_port: {{ .values.ports.health }}
{{- end -}}

{{- define "sardana-redis.settings.macroserver" -}}
{{- $own := deepCopy .values.config -}}
{{- include "sardana-redis.fill" (list $own.publisher (include "sardana-redis.buffers" . | fromYaml)) -}}
{{- $device := $own.device_server -}}
{{- if not (hasKey $device "environment") }}{{ $_ := set $device "environment" dict }}{{ end -}}
{{- if not .withoutWriters -}}
{{- include "sardana-redis.fill" (list $device.environment (include "sardana-redis.environment" .root | fromYaml)) -}}
{{- end -}}
{{- include "sardana-redis.fill" (list $device (include "sardana-redis.deviceServer" . | fromYaml)) -}}
{{- include "sardana-redis.fill" (list $device (dict "demo_elements" .root.Values.pool.enabled "environment_db" "/var/lib/sardana/environment")) -}}
{{ include "sardana-redis.settings.redis" . }}
session: {{ .root.Values.beamline | quote }}
log_level: {{ .root.Values.config.log_level }}
{{- range $name := list "data_policy" "proposal" "collection" "dataset" }}
{{- with get $own $name }}
{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
publisher:
  {{- toYaml $own.publisher | nindent 2 }}
recorder:
  http_host: 0.0.0.0
  http_port: {{ .metrics }}
device_server:
  {{- toYaml $device | nindent 2 }}
{{- end -}}

{{/* A scan is saved where it can be, by whoever of the writers is there. */}}
{{- define "sardana-redis.environment" -}}
{{- $files := list -}}
{{- if .Values.nexusWriter.enabled }}{{ $files = append $files (printf "%s.h5" .Values.beamline) }}{{ end -}}
{{- if .Values.specWriter.enabled }}{{ $files = append $files (printf "%s.dat" .Values.beamline) }}{{ end -}}
{{- with (.Values.macroserver.config.device_server.environment | default dict).ScanFile }}{{ $files = ternary . (list .) (kindIs "slice" .) }}{{ end -}}
{{- if $files }}
ScanDir: {{ .Values.data.mountPath }}
ScanFile: {{ toJson $files }}
ScanRecorder:
  {{- range $files }}
  - RedisBlissRecorder
  {{- end }}
{{- else }}
DataRecorder: RedisBlissRecorder
{{- end }}
{{- end -}}

{{/*
The recorder's buffers: what MacroServer itself takes is left out of the limit (384 MiB), three
quarters of the rest wait for Redis, a sixth is kept after it was confirmed.
*/}}
{{- define "sardana-redis.buffers" -}}
{{- $limit := include "sardana-redis.memoryLimit" (dict "values" .values "key" "macroserver") -}}
{{- if $limit -}}
{{- $free := sub (int64 $limit) 402653184 -}}
buffer_bytes: {{ div (mul $free 3) 4 }}
retain_bytes: {{ div $free 6 }}
{{- end -}}
{{- end -}}
