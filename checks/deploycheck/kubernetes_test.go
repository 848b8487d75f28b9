package deploycheck

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const deploy = "../../deploy"

// manifests are the objects of deploy/kubernetes, decoded strictly: an unknown
// or misplaced field, a wrong type, or a key given twice is an error.
type manifests struct {
	deployments map[string]*appsv1.Deployment
	services    map[string]*corev1.Service
	secrets     map[string]*corev1.Secret
}

func readManifests(t *testing.T) manifests {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deploy, "kubernetes", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	m := manifests{
		make(map[string]*appsv1.Deployment), make(map[string]*corev1.Service), make(map[string]*corev1.Secret),
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var kind struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal(document, &kind); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			switch kind.APIVersion + " " + kind.Kind {
			case "apps/v1 Deployment":
				d := strictly[appsv1.Deployment](t, file, document)
				m.deployments[d.Name] = d
			case "v1 Service":
				s := strictly[corev1.Service](t, file, document)
				m.services[s.Name] = s
			case "v1 Secret":
				s := strictly[corev1.Secret](t, file, document)
				m.secrets[s.Name] = s
			default:
				t.Errorf("%s: nothing here checks %s %s", file, kind.APIVersion, kind.Kind)
			}
		}
	}
	return m
}

func strictly[T any](t *testing.T, file string, document []byte) *T {
	t.Helper()
	object := new(T)
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	return object
}

func TestManifestsDecodeStrictly(t *testing.T) {
	m := readManifests(t)
	if len(m.deployments) == 0 || len(m.services) == 0 || len(m.secrets) == 0 {
		t.Errorf("%d deployments, %d services, %d secrets; want some of each", len(m.deployments), len(m.services), len(m.secrets))
	}
}

// The strict decoding itself, so that it does not pass for want of looking.
func TestStrictDecodingFindsFaults(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(deploy, "kubernetes", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range [][2]string{
		{"livenessProbe:", "livenesProbe:"},
		{"replicas: 2", "replicas: two"},
		{"periodSeconds: 10", "periodSeconds: 10\n            periodSeconds: 11"},
	} {
		bad := bytes.Replace(good, []byte(fault[0]), []byte(fault[1]), 1)
		bad, _, _ = bytes.Cut(bad, []byte("\n---\n"))
		if yaml.UnmarshalStrict(bad, new(appsv1.Deployment)) == nil {
			t.Errorf("%q in place of %q was not found", fault[1], fault[0])
		}
	}
}

func TestManifestsFitTogether(t *testing.T) {
	m := readManifests(t)
	for name, d := range m.deployments {
		template := d.Spec.Template
		for key, value := range d.Spec.Selector.MatchLabels {
			if template.Labels[key] != value {
				t.Errorf("deployment %s selects %s=%s, its pods have %q", name, key, value, template.Labels[key])
			}
		}
		pod := template.Spec
		if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
			t.Errorf("deployment %s may run as root", name)
		}
		for _, c := range pod.Containers {
			for _, e := range c.Env {
				if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
					if e.Name == "LEDGER_API_KEY" {
						t.Errorf("container %s has the API key in the manifest", c.Name)
					}
					continue
				}
				ref := e.ValueFrom.SecretKeyRef
				if secret := m.secrets[ref.Name]; secret == nil || secret.StringData[ref.Key] == "" {
					t.Errorf("%s comes from key %s of secret %s, which is not there", e.Name, ref.Key, ref.Name)
				}
			}
			for what, probe := range map[string]*corev1.Probe{"liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil {
					t.Errorf("container %s has no %s probe", c.Name, what)
					continue
				}
				if strings.HasPrefix(probe.HTTPGet.Path, "/sdk/") {
					t.Errorf("container %s: %s depends on the Ledger server", c.Name, what)
				}
				if !hasPort(c, probe.HTTPGet.Port) {
					t.Errorf("container %s: %s asks port %v, which it has not", c.Name, what, &probe.HTTPGet.Port)
				}
			}
		}
	}
	for name, s := range m.services {
		found := false
		for _, d := range m.deployments {
			matches := len(s.Spec.Selector) > 0
			for key, value := range s.Spec.Selector {
				matches = matches && d.Spec.Template.Labels[key] == value
			}
			if !matches {
				continue
			}
			found = true
			for _, p := range s.Spec.Ports {
				if !slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool { return hasPort(c, p.TargetPort) }) {
					t.Errorf("service %s: no container has port %v", name, &p.TargetPort)
				}
			}
		}
		if !found {
			t.Errorf("service %s selects no pods", name)
		}
	}
}

func hasPort(c corev1.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
		return p.Name != "" && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
	})
}
