package checks

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// built returns a place in the environment that make sets, and skips the test without it.
func built(t *testing.T, variable, target string) string {
	t.Helper()
	place := os.Getenv(variable)
	if place == "" {
		t.Skipf("make %s sets %s", target, variable)
	}
	return place
}

// untar returns the files of an archive, by name.
func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func gunzip(t *testing.T, b []byte) io.Reader {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A release has an archive and an SBOM for each platform, and sums of all. The binary is static, of its platform, and tells its
// version and commit; the SBOM is valid and has the modules that are in the binary.
func TestDist(t *testing.T) {
	dist := built(t, "LWBS_DIST", "test-dist")
	sums := make(map[string]string)
	for line := range strings.Lines(string(read(t, filepath.Join(dist, "SHA256SUMS")))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	entries, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "SHA256SUMS" && sums[e.Name()] != fmt.Sprintf("%x", sha256.Sum256(read(t, filepath.Join(dist, e.Name())))) {
			t.Errorf("%s has another sum than SHA256SUMS tells", e.Name())
		}
	}
	machines := map[string]elf.Machine{"linux-amd64": elf.EM_X86_64, "linux-arm64": elf.EM_AARCH64, "linux-armv7": elf.EM_ARM}
	archives, _ := filepath.Glob(filepath.Join(dist, "lwbs-*.tar.gz"))
	if n := fmt.Sprint(len(archives)); n != os.Getenv("LWBS_DIST_PLATFORMS") || len(sums) != 2*len(archives) {
		t.Errorf("%s archives, want %s, and %d sums", n, os.Getenv("LWBS_DIST_PLATFORMS"), len(sums))
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
		parts := strings.Split(name, "-")
		platform := strings.Join(parts[len(parts)-2:], "-")
		files := untar(t, gunzip(t, read(t, archive)))
		for _, file := range []string{"LICENSE", "README.md", "CHANGELOG.md", "lwbs"} {
			if len(files[name+"/"+file]) == 0 {
				t.Errorf("%s lacks %s", archive, file)
			}
		}
		binary := filepath.Join(t.TempDir(), "lwbs")
		if err := os.WriteFile(binary, files[name+"/lwbs"], 0o700); err != nil {
			t.Fatal(err)
		}
		checkBinary(t, binary, machines[platform], strings.TrimSuffix(strings.TrimPrefix(name, "lwbs-"), "-"+platform))
		checkSBOM(t, filepath.Join(dist, name+".cdx.json"), binary)
	}
}

func checkBinary(t *testing.T, binary string, machine elf.Machine, version string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, _ := f.ImportedLibraries()
	if f.Machine != machine || len(libraries) > 0 || f.Section(".interp") != nil {
		t.Errorf("%s is for %v, want %v, and needs %v", version, f.Machine, machine, libraries)
	}
	if runtime.GOARCH != "amd64" || machine != elf.EM_X86_64 {
		return
	}
	out, err := exec.Command(binary, "version").Output()
	if want := regexp.MustCompile(`^lwbs ` + regexp.QuoteMeta(version) + ` \(commit [0-9a-f]{40}, go1\.[0-9.]+\)\n$`); err != nil || !want.Match(out) {
		t.Errorf("lwbs version prints %q, %v", out, err)
	}
}

// checkSBOM holds an SBOM against the schema of CycloneDX and against the binary.
func checkSBOM(t *testing.T, file, binary string) {
	t.Helper()
	var sbom any
	text := read(t, file)
	if err := json.Unmarshal(text, &sbom); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SpecVersion string `json:"specVersion"`
		Components  []struct {
			PURL   string `json:"purl"`
			Hashes []any  `json:"hashes"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if schemas := os.Getenv("LWBS_SBOM_SCHEMAS"); schemas != "" {
		c := jsonschema.NewCompiler()
		for name, file := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} { // as the module spells it
			var other any
			if err := json.Unmarshal(read(t, filepath.Join(schemas, file)), &other); err != nil {
				t.Fatal(err)
			}
			if err := c.AddResource("http://cyclonedx.org/schema/"+name, other); err != nil {
				t.Fatal(err)
			}
		}
		schema, err := c.Compile(filepath.Join(schemas, "bom-"+doc.SpecVersion+".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(sbom); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	} else {
		t.Error("LWBS_SBOM_SCHEMAS is not set")
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range info.Deps {
		want = append(want, m.Path+"@"+m.Version)
	}
	for _, c := range doc.Components {
		purl, _, _ := strings.Cut(strings.TrimPrefix(c.PURL, "pkg:golang/"), "?")
		if purl, isStd := strings.CutPrefix(purl, "std@"); isStd && purl != "" {
			continue
		}
		got = append(got, purl)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("%s has\n%s\nthe binary\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
