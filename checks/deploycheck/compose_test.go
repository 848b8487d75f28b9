package deploycheck

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// readCompose reads a file with the code of docker compose itself, schema and
// all.
func readCompose(t *testing.T, path ...string) *types.Project {
	t.Helper()
	file := filepath.Join(append([]string{deploy}, path...)...)
	options, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// What the files mount and build from is there, and nothing that they publish can
// be reached from another machine.
func TestComposeFiles(t *testing.T) {
	for _, tt := range []struct {
		path     []string
		services []string
	}{
		{[]string{"docker-compose.yaml"}, []string{"app", "grafana", "ledger", "prometheus"}},
		{[]string{"collector", "docker-compose.yaml"}, []string{"gateway", "loki"}},
	} {
		project := readCompose(t, tt.path...)
		if got := project.ServiceNames(); !slices.Equal(got, tt.services) {
			t.Errorf("%v: services %q, want %q", tt.path, got, tt.services)
		}
		for name, service := range project.Services {
			for _, v := range service.Volumes {
				if _, err := os.Stat(v.Source); v.Type == "bind" && err != nil {
					t.Errorf("service %s mounts what is not there: %v", name, err)
				}
			}
			for _, p := range service.Ports {
				if p.HostIP != "127.0.0.1" {
					t.Errorf("service %s publishes port %s on %q", name, p.Published, p.HostIP)
				}
			}
			for variable := range service.Environment {
				if strings.HasPrefix(variable, "GF_AUTH_ANONYMOUS") {
					t.Errorf("service %s lets everybody in: %s", name, variable)
				}
			}
			if service.Build == nil {
				continue
			}
			for _, path := range []string{service.Build.Dockerfile, *service.Build.Args["MAIN"] + "/main.go"} {
				if !filepath.IsAbs(path) {
					path = filepath.Join(service.Build.Context, path)
				}
				if _, err := os.Stat(path); err != nil {
					t.Errorf("service %s is built from what is not there: %v", name, err)
				}
			}
		}
	}
}

// The Dockerfile is read with the code of docker build.
func TestDockerfileParses(t *testing.T) {
	file, err := os.Open(filepath.Join(deploy, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	result, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range result.Warnings {
		t.Errorf("warning: %s", w.Short)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s (%s)", rule, message, description)
	}
	stages, _, err := instructions.Parse(result.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	var user, shell bool
	for _, c := range stages[len(stages)-1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User != "0" && c.User != "root"
		case *instructions.EntrypointCommand:
			shell = c.PrependShell
		}
	}
	if !user {
		t.Error("the image runs as root")
	}
	if shell {
		t.Error("the program is started by a shell: SIGTERM does not reach it, and distroless has none")
	}
}
