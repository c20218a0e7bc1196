{{- define "lwbs.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lwbs.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "lwbs.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "lwbs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The configuration file: what the chart decides, and what the values add. */}}
{{- define "lwbs.config" -}}
{{- $c := dict "coaps" (list ":5684") "metrics" (printf "0.0.0.0:%d" (int .Values.metrics.port)) -}}
{{- if .Values.service.plain.enabled -}}{{- $_ := set $c "coap" (list ":5683") -}}{{- end -}}
{{- $_ := set $c "db" (ternary .Values.database.url "/var/lib/lwbs/lwbs.db" (eq .Values.database.kind "postgres")) -}}
{{- if .Values.sealingKey.secret -}}{{- $_ := set $c "key-file" "/etc/lwbs-secrets/sealing-key" -}}{{- end -}}
{{- if eq .Values.database.kind "postgres" -}}{{- $_ := set $c "admin" "unix:/run/lwbs/lwbs.sock" -}}{{- end -}}
{{- if include "lwbs.password" . -}}{{- $_ := set $c "db-password-file" "/etc/lwbs-password/password" -}}{{- end -}}
{{- toYaml (merge $c .Values.config) -}}
{{- end -}}

{{/* The Secret with the password of PostgreSQL; empty for none. */}}
{{- define "lwbs.password" -}}
{{- if eq .Values.database.kind "postgres" -}}{{- .Values.database.passwordSecret.name -}}{{- end -}}
{{- end -}}

{{- define "lwbs.pod" -}}
metadata:
  labels:
    {{- include "lwbs.labels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include "lwbs.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "lwbs.fullname" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 80
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: lwbs
      image: "{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        - name: LWBS_CONFIG
          value: /etc/lwbs/lwbs.yaml
      ports:
        - {name: coaps, containerPort: 5684, protocol: UDP}
        {{- if .Values.service.plain.enabled }}
        - {name: coap, containerPort: 5683, protocol: UDP}
        {{- end }}
        - {name: metrics, containerPort: {{ .Values.metrics.port }}, protocol: TCP}
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 10
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        failureThreshold: 2
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: config, mountPath: /etc/lwbs, readOnly: true}
        {{- if .Values.sealingKey.secret }}
        - {name: sealing-key, mountPath: /etc/lwbs-secrets, readOnly: true}
        {{- end }}
        {{- if include "lwbs.password" . }}
        - {name: password, mountPath: /etc/lwbs-password, readOnly: true}
        {{- end }}
        {{- if eq .Values.database.kind "postgres" }}
        - {name: run, mountPath: /run/lwbs}
        {{- else }}
        - {name: data, mountPath: /var/lib/lwbs}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "lwbs.fullname" . }}
    {{- if .Values.sealingKey.secret }}
    - name: sealing-key
      secret:
        secretName: {{ .Values.sealingKey.secret }}
        defaultMode: 0440
        items:
          - {key: {{ .Values.sealingKey.key }}, path: sealing-key}
    {{- end }}
    {{- if include "lwbs.password" . }}
    - name: password
      secret:
        secretName: {{ .Values.database.passwordSecret.name }}
        defaultMode: 0440
        items:
          - {key: {{ .Values.database.passwordSecret.key }}, path: password}
    {{- end }}
    {{- if eq .Values.database.kind "postgres" }}
    - name: run
      emptyDir: {medium: Memory, sizeLimit: 1Mi}
    {{- else if .Values.database.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.database.persistence.existingClaim }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    {{- if .Values.affinity }}
    {{- toYaml .Values.affinity | nindent 4 }}
    {{- else }}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              matchLabels:
                {{- include "lwbs.selector" . | nindent 16 }}
    {{- end }}
{{- end -}}
