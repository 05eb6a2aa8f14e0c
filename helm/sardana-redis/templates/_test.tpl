{{/* What `helm test` looks at. MacroServer opens its page with the first scan; its devices tell. */}}
{{- define "sardana-redis.pages" -}}
{{- range $component := include "sardana-redis.components" . | fromYamlArray }}
{{- $part := dict "root" $ "component" $component }}
{{- include "sardana-redis.part" $part }}
{{- if and $part.enabled $part.metrics (not $part.serves) }} http://{{ include "sardana-redis.host" $part }}:{{ $part.metrics }}/readyz{{ end }}
{{- end }}
{{- end -}}

{{- define "sardana-redis.devices" -}}
{{- if .Values.pool.enabled }}pool/{{ .Values.beamline }}/1{{ end }}
{{- if .Values.macroserver.enabled }} macroserver/{{ .Values.beamline }}/1 door/{{ .Values.beamline }}/1{{ end }}
{{- end -}}
