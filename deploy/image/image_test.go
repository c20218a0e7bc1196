//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An entry is a file of an archive.
type entry struct {
	tar.Header
	content []byte
}

func entries(t *testing.T, r io.Reader) (all []entry) {
	t.Helper()
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{*h, content})
	}
}

// An opened image is what a container runtime reads of one: every digest and size was checked.
type opened struct {
	Architecture, OS, Variant string
	Config                    struct {
		User                 string
		Env, Entrypoint, Cmd []string
		Volumes              map[string]any
		ExposedPorts         map[string]any
		Labels               map[string]string
	}
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	files []entry
}

func open(t *testing.T, image []byte) (o opened) {
	t.Helper()
	files := make(map[string][]byte)
	for _, e := range entries(t, bytes.NewReader(image)) {
		files[e.Name] = e.content
	}
	if string(files["oci-layout"]) != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %s", files["oci-layout"])
	}
	blob := func(d descriptor, mediaType string) []byte {
		t.Helper()
		content := files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
		if d.MediaType != mediaType || len(content) != d.Size || d.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256(content)) {
			t.Fatalf("%+v is not the descriptor of a %s of %d bytes", d, mediaType, len(content))
		}
		return content
	}
	var index struct{ Manifests []descriptor }
	var manifest struct {
		SchemaVersion int
		MediaType     string
		Config        descriptor
		Layers        []descriptor
	}
	decode(t, files["index.json"], &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("index: %s", files["index.json"])
	}
	decode(t, blob(index.Manifests[0], typeManifest), &manifest)
	if manifest.SchemaVersion != 2 || manifest.MediaType != typeManifest || len(manifest.Layers) != 1 {
		t.Fatalf("manifest: %+v", manifest)
	}
	decode(t, blob(manifest.Config, typeConfig), &o)
	z, err := gzip.NewReader(bytes.NewReader(blob(manifest.Layers[0], typeLayer)))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); len(o.RootFS.DiffIDs) != 1 || o.RootFS.DiffIDs[0] != want {
		t.Errorf("diff IDs are %v, want %s", o.RootFS.DiffIDs, want)
	}
	if len(files) != 5 {
		t.Errorf("%d files in the layout, want 5", len(files))
	}
	o.files = entries(t, bytes.NewReader(layer))
	return o
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

func commit() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// An image has one binary, which runs as a user that is not root and may write to the folder of the database alone.
func TestImage(t *testing.T) {
	image, err := build{binary: []byte("binary"), arch: "armv7", version: "v1.2.3", revision: "abc", created: commit()}.image()
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, open(t, image), "arm", "v7", "v1.2.3", "abc")
	again, err := build{binary: []byte("binary"), arch: "armv7", version: "v1.2.3", revision: "abc", created: commit().In(time.FixedZone("x", 3600))}.image()
	if err != nil || !bytes.Equal(again, image) {
		t.Errorf("the same binary gives other bytes, %v", err)
	}
}

func checkImage(t *testing.T, o opened, arch, variant, version, revision string) {
	t.Helper()
	c := o.Config
	if o.Architecture != arch || o.Variant != variant || o.OS != "linux" {
		t.Errorf("platform %s %s %s", o.OS, o.Architecture, o.Variant)
	}
	if c.User != "65532:65532" || strings.Join(c.Entrypoint, " ") != "/lwbs" || strings.Join(c.Cmd, " ") != "serve" || strings.Join(c.Env, " ") != "LWBS_DB=/var/lib/lwbs/lwbs.db" {
		t.Errorf("config %+v", c)
	}
	if c.Volumes["/var/lib/lwbs"] == nil || c.ExposedPorts["5684/udp"] == nil {
		t.Errorf("volumes %v, ports %v", c.Volumes, c.ExposedPorts)
	}
	if c.Labels["org.opencontainers.image.version"] != version || c.Labels["org.opencontainers.image.revision"] != revision || c.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
		t.Errorf("labels %v", c.Labels)
	}
	var names []string
	for _, f := range o.files {
		names = append(names, f.Name)
		if writable := f.Uid == user || f.Mode&0o022 != 0; writable != (f.Name == "var/lib/lwbs/") {
			t.Errorf("%s has mode %o and user %d", f.Name, f.Mode, f.Uid)
		}
	}
	if strings.Join(names, " ") != "lwbs var/ var/lib/ var/lib/lwbs/" {
		t.Errorf("files %v", names)
	}
}

// The image that make image writes runs: unpacked, with its own user, and nothing else in its file system.
func TestImageRuns(t *testing.T) {
	file, revision := os.Getenv("LWBS_IMAGE"), os.Getenv("LWBS_IMAGE_REVISION")
	if file == "" {
		t.Skip("make test-image sets LWBS_IMAGE")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, text)
	checkImage(t, o, runtime.GOARCH, "", o.Config.Labels["org.opencontainers.image.version"], revision)
	if os.Getuid() != 0 {
		t.Fatal("to run it as its user takes root")
	}
	root := t.TempDir()
	for _, f := range o.files {
		name := filepath.Join(root, f.Name)
		if f.Typeflag == tar.TypeDir {
			err = os.Mkdir(name, os.FileMode(f.Mode))
		} else {
			err = os.WriteFile(name, f.content, os.FileMode(f.Mode))
		}
		if err := errors.Join(err, os.Chmod(name, os.FileMode(f.Mode)), os.Chown(name, f.Uid, f.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	lwbs := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(o.Config.Entrypoint[0], args...)
		cmd.Env, cmd.Dir = o.Config.Env, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("lwbs %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if out := lwbs("version"); !strings.Contains(out, "commit "+revision) {
		t.Errorf("version: %s", out)
	}
	if out := lwbs("user", "add", "ada", "--role", "admin", "--generate-password"); !strings.Contains(out, "new database /var/lib/lwbs/lwbs.db") {
		t.Errorf("a command on a new database: %s", out)
	}
	for _, name := range []string{"lwbs.db", "lwbs.db.key"} {
		info, err := os.Stat(filepath.Join(root, "var/lib/lwbs", name))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != user || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
