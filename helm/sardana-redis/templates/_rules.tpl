{{/*
The groups of all rule files for this release, as docs/decisions/0009 has it. Nobody is told that a
memory tracker is missing where this release has none.
*/}}
{{- define "sardana-redis.rules" -}}
{{- $own := .Values.metrics.prometheusRule -}}
{{- $beamline := .Values.beamline -}}
groups:
  {{- range $path, $_ := .Files.Glob "rules/*.yaml" }}
  {{- if or $.Values.memoryTracker.enabled (ne (base $path) "MemoryTrackerDown.yaml") }}
  {{- range $group := ($.Files.Get $path | fromYaml).groups }}
  - name: {{ $group.name }}
    rules:
      {{- range $rule := $group.rules }}
      {{- $name := trimPrefix "sardana_redis:threshold:" ($rule.record | default "") }}
      {{- if not (hasKey $own.thresholds $name) }}
      {{- $_ := set $rule "expr" (replace "beamline=\"demo\"" (printf "beamline=%q" $beamline) $rule.expr) }}
      {{- $_ := set $rule.labels "beamline" $beamline }}
      {{- with $rule.alert }}
      {{- $_ := set $rule "for" (get $own.for . | default $rule.for) }}
      {{- $_ := set $rule.annotations "runbook_url" (replace "docs/runbooks" $own.runbooks $rule.annotations.runbook_url) }}
      {{- end }}
      - {{- toYaml $rule | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- if eq (base $path) "thresholds.yaml" }}
      {{- range $name, $numbers := $own.thresholds }}
      {{- range $writer, $number := ternary $numbers (dict "" $numbers) (kindIs "map" $numbers) }}
      - record: sardana_redis:threshold:{{ $name }}
        expr: vector({{ $number }})
        labels:
          beamline: {{ $beamline | quote }}
          {{- with $writer }}
          writer: {{ . | quote }}
          {{- end }}
      {{- end }}
      {{- end }}
      {{- end }}
  {{- end }}
  {{- end }}
  {{- end }}
{{- end -}}
