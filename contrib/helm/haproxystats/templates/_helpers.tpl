{{/* The name of the objects. A StatefulSet with more than 52 characters has no pods, and one of
them ends in "-central"; the name of a Service has no dot. */}}
{{- define "haproxystats.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 44 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The labels that select pods: of a list of the root and the part. The name is also the
label "job" of series, which the dashboards ask for. */}}
{{- define "haproxystats.selector" -}}
app.kubernetes.io/name: haproxystats
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The labels of the objects of a part, of a list of the root and the part; the part is empty
for objects of the release. */}}
{{- define "haproxystats.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: haproxystats
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "haproxystats.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "haproxystats.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "haproxystats.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository is not set: push the image to a registry that the cluster reaches, and set its name, such as registry.example.com/haproxystats" -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- $tag := default .Chart.AppVersion $image.tag -}}
{{- if eq $tag "0.0.0" -}}
{{- fail "image.tag is not set, and a chart from a checkout has no version: set the version of the image" -}}
{{- end -}}
{{- printf "%s:%s" $image.repository $tag -}}
{{- end -}}
{{- end }}

{{/* A value as it stands in the file. Helm reads numbers of values as float64, and would
write 536870912 as 5.36870912e+08. */}}
{{- define "haproxystats.value" -}}
{{- $separator := index . 0 -}}
{{- $value := index . 1 -}}
{{- if kindIs "slice" $value -}}
{{- $words := list -}}
{{- range $value -}}
{{- $words = append $words (include "haproxystats.value" (list $separator .)) -}}
{{- end -}}
{{- join $separator $words -}}
{{- else if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- printf "%.0f" $value -}}
{{- else -}}
{{- toString $value -}}
{{- end -}}
{{- end }}

{{/* The configuration of a part as the programs read it. Sections of groups are lists,
because the order of groups matters, and a map has none; their patterns are plain. */}}
{{- define "haproxystats.ini" -}}
{{- range $section, $options := . -}}
[{{ $section }}]
{{- if kindIs "slice" $options }}
{{- $seen := dict }}
{{- range $options }}
{{- range $name, $pattern := . }}
{{- if hasKey $seen (lower $name) }}
{{- fail (printf "configuration.%s: the group %s is there twice: keep one of them" $section $name) }}
{{- end }}
{{- $_ := set $seen (lower $name) true }}
{{ $name }} = {{ $pattern | replace "$" "$$" }}
{{- end }}
{{- end }}
{{- else }}
{{- range $name, $value := $options }}
{{- $separator := ternary " " ", " (hasSuffix "-metrics" $name) }}
{{ $name }} ={{ with include "haproxystats.value" (list $separator $value) }} {{ . }}{{ end }}
{{- end }}
{{- end }}

{{ end }}
{{- end }}

{{/* The data of the ConfigMap of a part, of a list of the root and the part. */}}
{{- define "haproxystats.data" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
{{- $configuration := deepCopy $values.configuration -}}
{{- if and (eq (index . 1) "node") (eq $values.kind "DaemonSet") -}}
{{- $default := merge (default dict $configuration.DEFAULT) (dict "hostname" "${env:NODE_NAME}") -}}
{{- $_ := set $configuration "DEFAULT" $default -}}
{{- end -}}
haproxystats.conf: |
  {{- include "haproxystats.ini" $configuration | trim | nindent 2 }}
{{- range $name, $text := $values.files }}
{{ $name | quote }}: {{ $text | toJson }}
{{- end }}
{{- end }}

{{- define "haproxystats.configName" -}}
{{- $root := index . 0 -}}
{{- $own := include "haproxystats.partName" . -}}
{{- default $own (index $root.Values (index . 1)).existingConfigMap -}}
{{- end }}

{{/* The name of the objects of a part, of a list of the root and the part. */}}
{{- define "haproxystats.partName" -}}
{{- $name := include "haproxystats.fullname" (index . 0) -}}
{{- eq (index . 1) "node" | ternary $name (printf "%s-central" $name) -}}
{{- end }}

{{/* The port of [prometheus] of a part's values, or nothing if other pods can't reach one. */}}
{{- define "haproxystats.port" -}}
{{- $port := "" -}}
{{- if hasKey .configuration "prometheus" -}}
{{- $listen := default "" (default dict .configuration.prometheus).listen -}}
{{- range $address := splitList "," (include "haproxystats.value" (list "," $listen)) -}}
{{- $address = trim $address -}}
{{- if and $address (not $port) (not (regexMatch "^(127\\.|localhost:|\\[::1\\])" $address)) -}}
{{- $port = regexFind "[0-9]+$" $address -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $port -}}
{{- end }}

{{/* The labels of HAProxy's pods, of the root. */}}
{{- define "haproxystats.sidecar.selector" -}}
{{- if not .Values.node.selector -}}
{{- fail "node.selector is not set: set the labels of HAProxy's pods" -}}
{{- end -}}
{{- toYaml .Values.node.selector -}}
{{- end }}

{{/* What the measured peaks ask for, by container and size: README.md has them. */}}
{{- define "haproxystats.sizes" -}}
pull:
  small: {requests: {cpu: 20m, memory: 64Mi}, limits: {memory: 128Mi}}
  medium: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
  large: {requests: {cpu: 100m, memory: 96Mi}, limits: {memory: 192Mi}}
process:
  small: {requests: {cpu: 20m, memory: 64Mi}, limits: {memory: 128Mi}}
  medium: {requests: {cpu: 50m, memory: 96Mi}, limits: {memory: 192Mi}}
  large: {requests: {cpu: 200m, memory: 256Mi}, limits: {memory: 512Mi}}
central:
  small: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 512Mi}}
  large: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 1Gi}}
{{- end }}

{{/* A container, of a dict: root, part, container (pull, process or central), readiness. */}}
{{- define "haproxystats.container" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .part -}}
{{- $configuration := $values.configuration -}}
{{- $sizes := include "haproxystats.sizes" $root | fromYaml -}}
{{- $given := eq .part "node" | ternary (index $values.resources .container) $values.resources -}}
{{- $resources := mergeOverwrite (index $sizes .container $values.size) (deepCopy (default dict $given)) -}}
{{- if and (eq $values.spool.kind "emptyDir") (ne .container "pull") -}}
{{- $resources = merge $resources (dict "requests" (dict "ephemeral-storage" $values.spool.size)) -}}
{{- end -}}
{{- $limit := $resources.limits.memory -}}
{{- $mebibytes := hasSuffix "Gi" $limit | ternary 1024 1 | mul (regexFind "^[0-9]+" $limit | int) -}}
{{- $check := list "check_haproxystats" "--mode" -}}
{{- if eq .container "pull" -}}
{{- /* Any range will do: that HAProxy does not answer is no reason to start the program anew. */ -}}
{{- $check = concat $check (list "pull" "-c" "~:") -}}
{{- else if eq .container "process" -}}
{{- $check = append $check "workers" -}}
{{- else -}}
{{- /* It counts the workers of the program that is process 1. */ -}}
{{- $check = append $check "container" -}}
{{- end -}}
{{- $check = concat $check (list "-f" "/etc/haproxystats/haproxystats.conf") -}}
{{- $port := eq .container "pull" | ternary "" (include "haproxystats.port" $values) -}}
- name: haproxystats-{{ .container }}
  image: {{ include "haproxystats.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  command: [haproxystats-{{ .container }}, -f, /etc/haproxystats/haproxystats.conf]
  {{- with $port }}
  ports:
    - name: haproxystats
      containerPort: {{ . }}
  {{- end }}
  livenessProbe:
    exec:
      command: {{ $check | toJson }}
    initialDelaySeconds: 30
    periodSeconds: 30
    timeoutSeconds: 15
  {{- if .readiness }}
  # It stops an update with a configuration that the program refuses.
  readinessProbe:
    exec:
      command: {{ $check | toJson }}
    initialDelaySeconds: 5
    periodSeconds: 30
    timeoutSeconds: 15
  {{- end }}
  securityContext:
    runAsNonRoot: true
    {{- with $root.Values.security.runAsUser }}
    runAsUser: {{ int64 . }}
    {{- end }}
    {{- with $root.Values.security.runAsGroup }}
    runAsGroup: {{ int64 . }}
    {{- end }}
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  env:
    # Below the limit, so that the garbage collector works before the kernel does.
    - name: GOMEMLIMIT
      value: {{ div (mul $mebibytes 4) 5 }}MiB
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    - name: POD_NAME
      valueFrom:
        fieldRef:
          fieldPath: metadata.name
    {{- with $values.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml $resources | nindent 4 }}
  volumeMounts:
    - name: haproxystats-config
      mountPath: /etc/haproxystats
      readOnly: true
    - name: haproxystats-spool
      mountPath: /var/lib/haproxystats
    {{- range $n, $secret := $values.secrets }}
    - name: haproxystats-secret-{{ $n }}
      mountPath: /run/secrets/haproxystats/{{ $secret }}
      readOnly: true
    {{- end }}
    {{- if eq .container "pull" }}
    {{- with include "haproxystats.socketsVolume" $root }}
    - name: {{ . }}
      mountPath: {{ required "node.configuration.pull.socket-dir is not set: set the directory of the stats sockets" (index (default dict $configuration.pull) "socket-dir") | quote }}
      readOnly: true
    {{- end }}
    {{- end }}
{{- end }}

{{/* The name of the volume with the stats sockets, or nothing. */}}
{{- define "haproxystats.socketsVolume" -}}
{{- $node := .Values.node -}}
{{- if eq $node.kind "Sidecar" -}}
{{- $node.sockets.volumeName -}}
{{- else if or (eq $node.kind "DaemonSet") $node.sockets.volume -}}
sockets
{{- end -}}
{{- end }}

{{/* The volumes that each pod has, of a list of the root and the part. */}}
{{- define "haproxystats.volumes" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
- name: haproxystats-config
  configMap:
    name: {{ include "haproxystats.configName" . }}
{{- range $n, $secret := $values.secrets }}
# Names of volumes are shorter than those of Secrets, and have no dots.
- name: haproxystats-secret-{{ $n }}
  secret:
    secretName: {{ $secret | quote }}
    # The programs refuse a key that everybody can read; the group is that of the pod.
    defaultMode: 0440
{{- end }}
{{- if eq $values.spool.kind "emptyDir" }}
- name: haproxystats-spool
  emptyDir:
    sizeLimit: {{ $values.spool.size }}
{{- else if eq $values.spool.kind "hostPath" }}
- name: haproxystats-spool
  hostPath:
    path: {{ $values.spool.path | quote }}
    type: Directory
{{- end }}
{{- end }}

{{/* The claim of a StatefulSet for the spool, of the values of a part. */}}
{{- define "haproxystats.claims" -}}
{{- if eq .spool.kind "claim" -}}
volumeClaimTemplates:
  - metadata:
      name: haproxystats-spool
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .spool.storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ .spool.size }}
{{- end -}}
{{- end }}

{{/* What the specification of a pod begins with, of a list of the root and the part. */}}
{{- define "haproxystats.pod" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
serviceAccountName: {{ include "haproxystats.serviceAccount" $root }}
automountServiceAccountToken: false
# The programs end within 5 seconds.
terminationGracePeriodSeconds: 15
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and (kindIs "invalid" $values.tolerations) (eq (toString (get $values "kind")) "DaemonSet") }}
tolerations:
  - operator: Exists
{{- else if $values.tolerations }}
tolerations:
  {{- toYaml $values.tolerations | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with $root.Values.security.fsGroup }}
  fsGroup: {{ int64 . }}
  {{- end }}
  {{- if eq (index . 1) "node" }}
  {{- if not (kindIs "invalid" $values.sockets.group) }}
  supplementalGroups: [{{ int64 $values.sockets.group }}]
  {{- end }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* What the templates of pods begin with, of a list of the root and the part. */}}
{{- define "haproxystats.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
labels:
  {{- include "haproxystats.selector" . | nindent 2 }}
  {{- with $values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # Another configuration makes other pods: the programs are not told of a changed file.
  checksum/configuration: {{ include "haproxystats.data" . | sha256sum }}
  {{- with $values.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* For other charts, whose pods have HAProxy: the two containers, the volumes, and the
checksum of the configuration. Their argument is .Subcharts.haproxystats. */}}
{{- define "haproxystats.sidecar.containers" -}}
{{- include "haproxystats.sidecar.check" . -}}
{{ include "haproxystats.container" (dict "root" . "part" "node" "container" "pull") }}
{{ include "haproxystats.container" (dict "root" . "part" "node" "container" "process") }}
{{- end }}

{{- define "haproxystats.sidecar.volumes" -}}
{{- include "haproxystats.sidecar.check" . -}}
{{ include "haproxystats.volumes" (list . "node") }}
{{- end }}

{{- define "haproxystats.sidecar.checksum" -}}
{{- include "haproxystats.data" (list . "node") | sha256sum -}}
{{- end }}

{{- define "haproxystats.sidecar.check" -}}
{{- if not (and .Values.node.enabled (eq .Values.node.kind "Sidecar")) -}}
{{- fail "the containers of haproxystats are for node.enabled=true and node.kind=Sidecar: set both" -}}
{{- end -}}
{{- if eq .Values.node.spool.kind "hostPath" -}}
{{- fail "node.spool.kind is hostPath, which pods of a Sidecar would share: set emptyDir or claim" -}}
{{- end -}}
{{- end }}
