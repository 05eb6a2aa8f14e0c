{{/* The three ports of a Tango server, for a container and for its Service. */}}
{{- define "sardana-redis.tangoPorts" -}}
{{- range $name := list "server" "heartbeat" "event" }}
- name: {{ $name }}
  containerPort: {{ get $.values.ports $name }}
{{- end }}
- name: health
  containerPort: {{ .values.ports.health }}
{{- end -}}

{{- define "sardana-redis.tangoService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
spec:
  # Servers talk to each other, and to themselves, before they are ready.
  publishNotReadyAddresses: true
  selector:
    {{- include "sardana-redis.selector" . | nindent 4 }}
  ports:
    {{- range $name := list "server" "heartbeat" "event" }}
    - name: {{ $name }}
      port: {{ get $.values.ports $name }}
      targetPort: {{ $name }}
    {{- end }}
    {{- if .metrics }}
    - name: metrics
      port: {{ .metrics }}
      targetPort: metrics
    {{- end }}
{{- end -}}

{{/* A scan is not ended by the drain of a node. */}}
{{- define "sardana-redis.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "sardana-redis.selector" . | nindent 6 }}
{{- end -}}
