{{/*
The parts, in one table. `sardana-redis.part` fills the dict it is given, of root and component:
  enabled    whether the release has it
  values     its part of the values
  settings   it reads a settings file
  redis      the role in which it speaks to Redis
  tango      it speaks to Tango
  serves     what others come to it for, beside metrics
  data       it has the data volume
  metrics    the port of its /metrics
  volume     the name of the volume that it has for itself
*/}}
{{- define "sardana-redis.part" -}}
{{- $v := .root.Values -}}
{{- $hasTango := or $v.pool.enabled $v.macroserver.enabled -}}
{{- $hasTangoDb := and (not $v.tango.external.host) $hasTango -}}
{{- $test := dict "image" $v.macroserver.image "resources" (dict
  "requests" (dict "cpu" "50m" "memory" "96Mi" "ephemeral-storage" "8Mi")
  "limits" (dict "memory" "384Mi" "ephemeral-storage" "64Mi")) -}}
{{/* It may run where MacroServer may, whose image it has. */}}
{{- $test = merge $test (pick $v.macroserver "nodeSelector" "tolerations" "affinity" "priorityClassName") -}}
{{- $parts := dict
  "redis" (dict "values" $v.redis "enabled" (not $v.redis.external.host) "serves" "redis" "volume" "redis")
  "tango-db" (dict "values" $v.tangoDb "enabled" $hasTangoDb "serves" "tango" "volume" "tango-db")
  "pool" (dict "values" $v.pool "enabled" $v.pool.enabled "settings" true "tango" true "serves" "tango" "data" true)
  "macroserver" (dict "values" $v.macroserver "enabled" $v.macroserver.enabled "settings" true "tango" true "serves" "tango" "data" true "redis" "recorder" "metrics" $v.macroserver.ports.metrics "volume" "state")
  "spec-writer" (dict "values" $v.specWriter "enabled" $v.specWriter.enabled "settings" true "data" true "redis" "spec-writer" "metrics" 8080)
  "nexus-writer" (dict "values" $v.nexusWriter "enabled" $v.nexusWriter.enabled "settings" true "data" true "redis" "nexus-writer" "metrics" 8080)
  "memory-tracker" (dict "values" $v.memoryTracker "enabled" $v.memoryTracker.enabled "settings" true "redis" "memory-tracker" "metrics" 8080)
  "test" (dict "values" $test "enabled" true "tango" $hasTango "redis" "reader") -}}
{{- range $name, $value := get $parts .component -}}
{{- $_ := set $ $name $value -}}
{{- end -}}
{{- end -}}

{{/* What all pods share; `.` is a part. */}}

{{- define "sardana-redis.podMetadata" -}}
labels:
  {{- include "sardana-redis.podLabels" . | nindent 2 }}
{{- $notes := dict -}}
{{- if .settings }}{{ $_ := set $notes "checksum/settings" (include "sardana-redis.settings" (merge (dict "withoutWriters" true) .) | sha256sum) }}{{ end }}
{{- if and .metrics .root.Values.metrics.annotations }}
{{- $_ := set $notes "prometheus.io/scrape" "true" }}
{{- $_ := set $notes "prometheus.io/port" (toString .metrics) }}
{{- $_ := set $notes "prometheus.io/path" "/metrics" }}
{{- end }}
{{- $notes = merge (deepCopy (.values.podAnnotations | default dict)) $notes }}
{{- with $notes }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "sardana-redis.podSecurityContext" . | nindent 2 }}
{{- if and (eq (.serves | default "") "tango") .root.Values.tango.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $.values $name }}
{{ $name }}: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* fsGroup is for our own volumes; data that others own keep their owners. */}}
{{- define "sardana-redis.podSecurityContext" -}}
{{- $context := deepCopy .root.Values.podSecurityContext -}}
{{- $data := .root.Values.data -}}
{{- $group := $context.runAsGroup -}}
{{- if .data -}}
{{- $group = ternary $data.fsGroup (ternary nil $group (ne $data.existingClaim "")) (not (kindIs "invalid" $data.fsGroup)) -}}
{{- end -}}
{{- if $group -}}
{{- $_ := set $context "fsGroup" ($group | int64) -}}
{{- $_ := set $context "fsGroupChangePolicy" "OnRootMismatch" -}}
{{- end -}}
{{/* Else an outgoing connection could have the port that the server wants. */}}
{{- if and (eq (.serves | default "") "tango") (not .root.Values.tango.hostNetwork) -}}
{{- $_ := set $context "sysctls" (list (dict "name" "net.ipv4.ip_local_port_range" "value" "49152 65535")) -}}
{{- end -}}
{{- range $name := list "runAsUser" "runAsGroup" -}}
{{- if hasKey $context $name }}{{ $_ := set $context $name (get $context $name | int64) }}{{ end -}}
{{- end -}}
{{- if not $context.supplementalGroups }}{{ $_ := unset $context "supplementalGroups" }}{{ end -}}
{{- toYaml $context -}}
{{- end -}}

{{- define "sardana-redis.container" -}}
image: {{ include "sardana-redis.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- with include "sardana-redis.resources" . | fromYaml }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An empty folder in the place of a volume would count against the limit of what a pod may leave on its node. */}}
{{- define "sardana-redis.resources" -}}
{{- $resources := deepCopy (.values.resources | default dict) -}}
{{- $isOwnFolder := and .volume (not .values.persistence.enabled) -}}
{{- $isDataFolder := and .data (not .root.Values.data.persistence.enabled) -}}
{{- if and $resources.limits (or $isOwnFolder $isDataFolder) -}}
{{- $_ := unset $resources.limits "ephemeral-storage" -}}
{{- end -}}
{{- range $side := list "requests" "limits" -}}
{{- range $name, $quantity := get $resources $side -}}
{{- if kindIs "float64" $quantity }}{{ $_ := set (get $resources $side) $name (include "sardana-redis.quantity" $quantity) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- define "sardana-redis.env" -}}
{{- if .settings }}
- name: SARDANA_REDIS_CONFIG
  value: /etc/sardana-redis/config.yaml
{{- end }}
{{- if .tango }}
- name: TANGO_HOST
  value: {{ include "sardana-redis.tangoHost" .root | quote }}
{{- end }}
{{- with .values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .settings }}
- name: settings
  mountPath: /etc/sardana-redis
  readOnly: true
{{- end }}
{{- if .data }}
- name: data
  mountPath: {{ .root.Values.data.mountPath }}
{{- end }}
{{- if and .redis .root.Values.redis.auth.existingSecret }}
- name: redis-password
  mountPath: /run/secrets/sardana-redis
  readOnly: true
{{- end }}
{{- if and .redis .root.Values.redis.tls.enabled .root.Values.redis.tls.existingSecret }}
- name: redis-ca
  mountPath: /run/secrets/sardana-redis-tls
  readOnly: true
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.volumes" -}}
{{- $redis := .root.Values.redis -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if .settings }}
- name: settings
  configMap:
    name: {{ include "sardana-redis.name" . }}
{{- end }}
{{- if .data }}
- name: data
  {{- if .root.Values.data.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ include "sardana-redis.dataClaim" .root }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- if and .redis $redis.auth.existingSecret }}
- name: redis-password
  secret:
    secretName: {{ $redis.auth.existingSecret }}
    items:
      - key: {{ ternary .redis $redis.auth.passwordKey $redis.auth.acl.enabled }}
        path: password
{{- end }}
{{- if and .redis $redis.tls.enabled $redis.tls.existingSecret }}
- name: redis-ca
  secret:
    secretName: {{ $redis.tls.existingSecret }}
    items:
      - key: {{ $redis.tls.caKey }}
        path: ca.crt
{{- end }}
{{- if and .volume (not .values.persistence.enabled) }}
- name: {{ .volume }}
  emptyDir: {}
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.dataClaim" -}}
{{- .Values.data.existingClaim | default (printf "%s-data" (include "sardana-redis.fullname" .)) -}}
{{- end -}}

{{/* A StatefulSet's own volume, where it is to last. */}}
{{- define "sardana-redis.claimTemplates" -}}
{{- with .values.persistence }}
{{- if .enabled }}
volumeClaimTemplates:
  - metadata:
      name: {{ $.volume }}
      labels:
        {{- include "sardana-redis.selector" $ | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ include "sardana-redis.quantity" .size }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Probes of what serves /healthz and /readyz on the port named `port`. */}}
{{- define "sardana-redis.httpProbes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: {{ .startPeriods | default 60 }}
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 3
  timeoutSeconds: 3
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}
