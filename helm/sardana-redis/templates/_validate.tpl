{{/* Combinations that cannot work, each with what to do. templates/validate.yaml calls them all. */}}

{{- define "sardana-redis.validate" -}}
{{- include "sardana-redis.validate.name" . -}}
{{- include "sardana-redis.validate.redis" . -}}
{{- include "sardana-redis.validate.secrets" . -}}
{{- include "sardana-redis.validate.data" . -}}
{{- include "sardana-redis.validate.sardana" . -}}
{{- include "sardana-redis.validate.writers" . -}}
{{- end -}}

{{/* Helm takes more names than a Service may have. */}}
{{- define "sardana-redis.validate.name" -}}
{{- $name := include "sardana-redis.fullname" . -}}
{{- if not (regexMatch "^[a-z][a-z0-9-]*$" $name) -}}
{{- fail (printf "the release's name %q begins the names of Services, which begin with a letter and have letters, digits and - only: set fullnameOverride" $name) -}}
{{- end -}}
{{- end -}}

{{- define "sardana-redis.validate.redis" -}}
{{- $redis := .Values.redis -}}
{{- $limit := include "sardana-redis.memoryLimit" (dict "values" $redis "key" "redis") -}}
{{- if $redis.external.host -}}
{{- if $redis.maxmemory -}}
{{- fail "redis.maxmemory is for the Redis of this chart, and redis.external.host names another one: unset one of the two" -}}
{{- end -}}
{{- else if not $limit -}}
{{- fail "redis.resources.limits.memory is missing: maxmemory is derived from it, and Redis may take no more; set it, 1Gi say" -}}
{{- else if lt (int64 $limit) 268435456 -}}
{{- fail (printf "redis.resources.limits.memory is %s: what Redis needs beyond its data takes 256Mi at least, or it is killed while it rewrites its file" (include "sardana-redis.quantity" $redis.resources.limits.memory)) -}}
{{- else if ge (include "sardana-redis.maxmemory" . | int64) (int64 $limit) -}}
{{- fail (printf "redis.maxmemory (%s) is not below redis.resources.limits.memory (%s), and Redis would be killed when it is full: leave redis.maxmemory empty for 75 %% of the limit, or raise the limit" (include "sardana-redis.quantity" $redis.maxmemory) (include "sardana-redis.quantity" $redis.resources.limits.memory)) -}}
{{- end -}}
{{- end -}}

{{- define "sardana-redis.validate.secrets" -}}
{{- $redis := .Values.redis -}}
{{- if not $redis.auth.existingSecret -}}
{{- if $redis.auth.acl.enabled -}}
{{- fail "redis.auth.acl.enabled needs the users' passwords: make a Secret with a key for each user and name it in redis.auth.existingSecret" -}}
{{- else if $redis.auth.username -}}
{{- fail "redis.auth.username needs a password: make a Secret and name it in redis.auth.existingSecret" -}}
{{- end -}}
{{- else if and $redis.auth.acl.enabled $redis.auth.username -}}
{{- fail "redis.auth.username is one user for all parts, redis.auth.acl.enabled gives each its own: unset one of the two" -}}
{{- else if and $redis.auth.username (not $redis.external.host) -}}
{{- fail "redis.auth.username is for a Redis of your own (redis.external.host); here, use redis.auth.acl.enabled" -}}
{{- end -}}
{{- if and $redis.tls.enabled (not $redis.tls.existingSecret) (not $redis.external.host) -}}
{{- fail "redis.tls.enabled needs a certificate: make a Secret with tls.crt, tls.key and ca.crt and name it in redis.tls.existingSecret" -}}
{{- end -}}
{{- end -}}

{{- define "sardana-redis.validate.data" -}}
{{- $data := .Values.data -}}
{{- if and $data.existingClaim (not $data.persistence.enabled) -}}
{{- fail "data.existingClaim is not used with data.persistence.enabled false: set it to true, or unset the claim" -}}
{{- end -}}
{{- end -}}

{{- define "sardana-redis.validate.sardana" -}}
{{- $macroserver := .Values.macroserver -}}
{{- if $macroserver.enabled -}}
{{- if and (not .Values.pool.enabled) (not $macroserver.config.device_server.pool) -}}
{{- fail "pool.enabled is false and macroserver.config.device_server.pool is not set: name the Pool that MacroServer works with" -}}
{{- end -}}
{{- $limit := include "sardana-redis.memoryLimit" (dict "values" $macroserver "key" "macroserver") -}}
{{- if $limit -}}
{{- if lt (int64 $limit) 536870912 -}}
{{- fail (printf "macroserver.resources.limits.memory is %s: MacroServer and the recorder's buffers need 512Mi at least" (include "sardana-redis.quantity" $macroserver.resources.limits.memory)) -}}
{{- end -}}
{{- range $name := list "buffer_bytes" "retain_bytes" -}}
{{- if ge (get $macroserver.config.publisher $name | default 0 | int64) (int64 $limit) -}}
{{- fail (printf "macroserver.config.publisher.%s is not below macroserver.resources.limits.memory (%s): leave it out, and it follows the limit" $name (include "sardana-redis.quantity" $macroserver.resources.limits.memory)) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- range $name := list "buffer_bytes" "retain_bytes" -}}
{{- if not (hasKey $macroserver.config.publisher $name) -}}
{{- fail (printf "macroserver.resources.limits.memory is missing: set it, or macroserver.config.publisher.%s, which is derived from it" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sardana-redis.validate.writers" -}}
{{- $spec := .Values.specWriter.config.writer_name | default "spec" -}}
{{- $nexus := .Values.nexusWriter.config.writer_name | default "nexus" -}}
{{- if and .Values.specWriter.enabled .Values.nexusWriter.enabled (eq $spec $nexus) -}}
{{- fail (printf "both writers are called %q: give specWriter.config.writer_name and nexusWriter.config.writer_name names of their own" $spec) -}}
{{- end -}}
{{- end -}}
