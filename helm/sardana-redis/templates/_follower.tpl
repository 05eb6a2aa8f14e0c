{{/* What follows Redis: both writers and the memory tracker. One process a name, so the old one ends first. */}}
{{- define "sardana-redis.followerDeployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  strategy:
    type: Recreate
  selector:
    matchLabels:
      {{- include "sardana-redis.selector" . | nindent 6 }}
  template:
    metadata:
      {{- include "sardana-redis.podMetadata" . | nindent 6 }}
    spec:
      {{- include "sardana-redis.podSpec" . | nindent 6 }}
      # It finishes its point and makes it safe on the disk.
      terminationGracePeriodSeconds: 30
      containers:
        - name: {{ .component }}
          {{- include "sardana-redis.container" . | nindent 10 }}
          env:
            {{- include "sardana-redis.env" . | trim | nindent 12 }}
          ports:
            - name: metrics
              containerPort: {{ .metrics }}
          {{- include "sardana-redis.httpProbes" (dict "port" "metrics") | nindent 10 }}
          volumeMounts:
            {{- include "sardana-redis.mounts" . | nindent 12 }}
      volumes:
        {{- include "sardana-redis.volumes" . | nindent 8 }}
{{- end -}}

{{- define "sardana-redis.followerService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "sardana-redis.metadata" . | nindent 2 }}
spec:
  selector:
    {{- include "sardana-redis.selector" . | nindent 4 }}
  ports:
    - name: metrics
      port: {{ .metrics }}
      targetPort: metrics
{{- end -}}
