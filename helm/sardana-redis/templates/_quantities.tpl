{{/* A quantity as text. Helm reads each number of a values file as float64, which it would write as 1e+09. */}}
{{- define "sardana-redis.quantity" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* Bytes of a quantity such as 1.5Gi, 750M or 1048576; `.` is a dict with quantity and name. */}}
{{- define "sardana-redis.bytes" -}}
{{- $text := include "sardana-redis.quantity" .quantity -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([kMGT]|[KMGT]i)?$" $text) -}}
{{- fail (printf "%s is %q: write a number of bytes, or one with k, M, G, T, Ki, Mi, Gi or Ti behind it" .name $text) -}}
{{- end -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- mulf (float64 (trimSuffix $unit $text)) (float64 (get $units $unit)) | int64 -}}
{{- end -}}

{{/* A component's memory limit in bytes; empty where there is none. */}}
{{- define "sardana-redis.memoryLimit" -}}
{{- with ((.values.resources).limits).memory -}}
{{- include "sardana-redis.bytes" (dict "quantity" . "name" (printf "%s.resources.limits.memory" $.key)) -}}
{{- end -}}
{{- end -}}

{{/* Redis' maxmemory in bytes: what is set, or 75 % of the limit. */}}
{{- define "sardana-redis.maxmemory" -}}
{{- $redis := .Values.redis -}}
{{- if $redis.maxmemory -}}
{{- include "sardana-redis.bytes" (dict "quantity" $redis.maxmemory "name" "redis.maxmemory") -}}
{{- else -}}
{{- $limit := include "sardana-redis.memoryLimit" (dict "values" $redis "key" "redis") -}}
{{- div (mul (int64 $limit) 3) 4 -}}
{{- end -}}
{{- end -}}
