package checks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A manifest is one object that the chart renders.
type manifest map[string]any

// at returns what is at a path of keys and indexes; nil where nothing is.
func (m manifest) at(path ...any) any {
	var v any = map[string]any(m)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			in, _ := v.(map[string]any)
			v = in[p]
		case int:
			in, _ := v.([]any)
			if p >= len(in) {
				return nil
			}
			v = in[p]
		}
	}
	return v
}

func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(built(t, "LWBS_HELM", "test-chart"), args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "HELM_NAMESPACE=devices")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const chart = "../helm/lwbs"

// rendered returns the objects of the chart with some values, by kind and name. Every document is read strictly: a key that is
// twice in it is an error.
func rendered(t *testing.T, values ...string) map[string]manifest {
	t.Helper()
	args := []string{"template", "bs", chart, "--kube-version", "1.31.0"}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	out, err := helm(t, args...)
	if err != nil {
		t.Fatalf("%v: %s", values, out)
	}
	all := make(map[string]manifest)
	for d := yaml.NewDecoder(strings.NewReader(out), yaml.Strict()); ; {
		var m manifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if m == nil {
			continue
		}
		name := fmt.Sprint(m.at("kind"), " ", m.at("metadata", "name"))
		if all[name] != nil || m.at("apiVersion") == nil || m.at("metadata", "labels", "app.kubernetes.io/instance") != "bs" {
			t.Errorf("%s is there twice, or lacks a label:\n%v", name, m)
		}
		all[name] = m
	}
	return all
}

// Values of a production with PostgreSQL.
var postgres = []string{
	`database={"kind":"postgres","url":"postgres://lwbs@db.example.com/lwbs?sslmode=verify-full","passwordSecret":{"name":"db","key":"pw"}}`,
	`sealingKey={"secret":"seal","key":"k"}`, `replicas=3`,
}

func TestChartIsLinted(t *testing.T) {
	for _, values := range [][]string{nil, postgres} {
		args := []string{"lint", "--strict", chart}
		for _, v := range values {
			args = append(args, "--set-json", v)
		}
		if out, err := helm(t, args...); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// Without values there is one replica with a database on a volume.
func TestChartWithBolt(t *testing.T) {
	all := rendered(t, `config={"unknown-devices":"park","max-pending":500}`, `service={"plain":{"enabled":true}}`, `metrics={"serviceMonitor":{"enabled":true,"labels":{"team":"iot"}}}`)
	want := []string{"ConfigMap bs-lwbs", "NetworkPolicy bs-lwbs", "PodDisruptionBudget bs-lwbs", "Service bs-lwbs", "Service bs-lwbs-metrics", "ServiceAccount bs-lwbs", "ServiceMonitor bs-lwbs", "StatefulSet bs-lwbs"}
	for _, name := range want {
		if all[name] == nil {
			t.Fatalf("there is no %s", name)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d objects, want %d", len(all), len(want))
	}
	set := all["StatefulSet bs-lwbs"]
	if fmt.Sprint(set.at("spec", "replicas")) != "1" || set.at("spec", "volumeClaimTemplates", 0, "spec", "resources", "requests", "storage") != "10Gi" {
		t.Errorf("%v", set)
	}
	checkPod(t, set, []string{"config", "data"})
	checkConfig(t, all, "db: /var/lib/lwbs/lwbs.db", "max-pending: 500", "unknown-devices: park", "metrics: 0.0.0.0:9684", "coap:")
	service := all["Service bs-lwbs"]
	for path, want := range map[string]any{"externalTrafficPolicy": "Local", "sessionAffinity": "ClientIP", "type": "LoadBalancer"} {
		if service.at("spec", path) != want {
			t.Errorf("%s is %v", path, service.at("spec", path))
		}
	}
	ports, _ := service.at("spec", "ports").([]any)
	for _, p := range ports {
		if m := manifest(p.(map[string]any)); m.at("protocol") != "UDP" {
			t.Errorf("a port of devices is %v", m)
		}
	}
	if len(ports) != 2 || all["ServiceMonitor bs-lwbs"].at("metadata", "labels", "team") != "iot" {
		t.Errorf("ports %v, monitor %v", ports, all["ServiceMonitor bs-lwbs"])
	}
}

// With PostgreSQL there are several replicas; password and sealing key come from Secrets, and are nowhere else.
func TestChartWithPostgres(t *testing.T) {
	all := rendered(t, postgres...)
	d := all["Deployment bs-lwbs"]
	if d == nil || all["StatefulSet bs-lwbs"] != nil || fmt.Sprint(d.at("spec", "replicas")) != "3" {
		t.Fatalf("the deployment: %v", d)
	}
	checkPod(t, d, []string{"config", "password", "run", "sealing-key"})
	secrets := make(map[any]any)
	for _, v := range d.at("spec", "template", "spec", "volumes").([]any) {
		if m := manifest(v.(map[string]any)); m.at("secret") != nil {
			secrets[m.at("secret", "secretName")] = m.at("secret", "items", 0, "key")
		}
	}
	if len(secrets) != 2 || secrets["db"] != "pw" || secrets["seal"] != "k" {
		t.Errorf("secrets %v", secrets)
	}
	checkConfig(t, all, "db: postgres://lwbs@db.example.com/lwbs?sslmode=verify-full", "key-file: /etc/lwbs-secrets/sealing-key", "db-password-file: /etc/lwbs-password/password")
	if fmt.Sprint(all["PodDisruptionBudget bs-lwbs"].at("spec", "maxUnavailable")) != "1" {
		t.Errorf("budget %v", all["PodDisruptionBudget bs-lwbs"])
	}
}

// checkPod holds a pod against what all have: no rights, a file system that cannot be written to, probes, volumes that are there.
func checkPod(t *testing.T, of manifest, volumes []string) {
	t.Helper()
	spec := manifest{"spec": of.at("spec", "template", "spec")}
	container := manifest(spec.at("spec", "containers", 0).(map[string]any))
	for _, tt := range []struct {
		got  any
		want string
	}{
		{spec.at("spec", "securityContext", "runAsNonRoot"), "true"}, {spec.at("spec", "securityContext", "runAsUser"), "65532"},
		{spec.at("spec", "securityContext", "seccompProfile", "type"), "RuntimeDefault"}, {spec.at("spec", "automountServiceAccountToken"), "false"},
		{container.at("securityContext", "readOnlyRootFilesystem"), "true"}, {container.at("securityContext", "allowPrivilegeEscalation"), "false"},
		{container.at("securityContext", "capabilities", "drop", 0), "ALL"},
		{container.at("livenessProbe", "httpGet", "path"), "/healthz"}, {container.at("readinessProbe", "httpGet", "path"), "/readyz"},
		{container.at("image"), "lwbs:devel"}, {container.at("args", 0), "serve"},
	} {
		if fmt.Sprint(tt.got) != tt.want {
			t.Errorf("got %v, want %s", tt.got, tt.want)
		}
	}
	selector, _ := of.at("spec", "selector", "matchLabels").(map[string]any)
	for name, value := range selector {
		if of.at("spec", "template", "metadata", "labels", name) != value {
			t.Errorf("the selector %s=%v is no label of the pod", name, value)
		}
	}
	var there, mounted []string
	for _, v := range append(spec.at("spec", "volumes").([]any), claims(of)...) {
		there = append(there, v.(map[string]any)["name"].(string))
	}
	for _, v := range container.at("volumeMounts").([]any) {
		mounted = append(mounted, v.(map[string]any)["name"].(string))
	}
	slices.Sort(there)
	slices.Sort(mounted)
	if !slices.Equal(mounted, volumes) || !slices.Equal(there, volumes) {
		t.Errorf("volumes %v, mounted %v, want %v", there, mounted, volumes)
	}
}

// claims are the volumes of claims.
func claims(of manifest) (all []any) {
	list, _ := of.at("spec", "volumeClaimTemplates").([]any)
	for _, c := range list {
		all = append(all, map[string]any{"name": manifest(c.(map[string]any)).at("metadata", "name")})
	}
	return all
}

// checkConfig has lwbs itself check the configuration file of the chart.
func checkConfig(t *testing.T, all map[string]manifest, wants ...string) {
	t.Helper()
	text, _ := all["ConfigMap bs-lwbs"].at("data", "lwbs.yaml").(string)
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("the configuration lacks %q:\n%s", want, text)
		}
	}
	file := filepath.Join(t.TempDir(), "lwbs.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(built(t, "LWBS_BINARY", "test-chart"), "config", "check", "--no-files", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s\n%s", err, out, text)
	}
}

// Wrong values are refused, each by its name.
func TestChartRefusesWrongValues(t *testing.T) {
	for value, want := range map[string]string{
		`replicas=0`:                                 "replicas",
		`database={"kind":"mysql"}`:                  "kind",
		`database={"kind":"postgres"}`:               "url|sealingKey|secret",
		`database={"url":"postgres://u:hush@h/db"}`:  "url",
		`service={"port":70000}`:                     "port",
		`service={"typ":"NodePort"}`:                 "typ",
		`replcas=3`:                                  "replcas",
		`config={"db":"x"}`:                          "'db'",
		`config={"key-file":"x"}`:                    "'key-file'",
		`config={"log":{"level":"info"}}`:            "log",
		`database={"persistence":{"size":"ten"}}`:    "size",
		`metrics={"serviceMonitor":{"enabled":"y"}}`: "enabled",
	} {
		out, err := helm(t, "template", "bs", chart, "--kube-version", "1.31.0", "--set-json", value)
		if err == nil || !regexp.MustCompile(want).MatchString(out) || bytes.Contains([]byte(out), []byte("kind: Service\n")) {
			t.Errorf("%s: %v\n%s", value, err, out)
		}
	}
}
