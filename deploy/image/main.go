// Command image writes a container image of one static binary: an OCI image layout in a tar file, which podman, docker and
// skopeo load. The same binary gives the same bytes.
//
//	go run ./deploy/image -binary bin/lwbs -arch amd64 -version v1.2.3 -revision COMMIT -created 2026-11-29T12:00:00Z -out dist/lwbs.tar
//	podman load -i dist/lwbs.tar
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"time"
)

// user is who runs the binary, and owns the folder of the database.
const user = 65532

func main() {
	var b build
	binary := flag.String("binary", "", "the static binary, `FILE`")
	flag.StringVar(&b.arch, "arch", "amd64", "its architecture: amd64, arm64 or armv7")
	flag.StringVar(&b.version, "version", "devel", "the `VERSION`, which is the tag too")
	flag.StringVar(&b.revision, "revision", "unknown", "the `COMMIT`")
	created := flag.String("created", "1970-01-01T00:00:00Z", "the `TIME` in the image and of its files")
	out := flag.String("out", "", "the tar file to write, `FILE`")
	flag.Parse()
	if err := run(b, *binary, *created, *out); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(b build, binary, created, out string) (err error) {
	if b.created, err = time.Parse(time.RFC3339, created); err != nil {
		return err
	}
	if b.binary, err = os.ReadFile(binary); err != nil {
		return err
	}
	text, err := b.image()
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// A build is what an image is made of.
type build struct {
	binary                  []byte
	arch, version, revision string
	created                 time.Time
}

// A descriptor points to a blob of an image (OCI Image Format Specification 1.1, descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// Media types (media-types.md).
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// A layout is an image layout in the making (image-layout.md).
type layout struct {
	tar   *tar.Writer
	files time.Time // their time
}

// image returns the tar file of an image layout with one image.
func (b build) image() ([]byte, error) {
	var out bytes.Buffer
	l := layout{tar.NewWriter(&out), b.created}
	layer, diffID, err := b.layer()
	if err != nil {
		return nil, err
	}
	layerAt, err := l.blob(typeLayer, layer)
	if err != nil {
		return nil, err
	}
	of := platform{Architecture: b.arch, OS: "linux"}
	if b.arch == "armv7" {
		of.Architecture, of.Variant = "arm", "v7"
	}
	configAt, err := l.blobJSON(typeConfig, b.config(of, diffID))
	if err != nil {
		return nil, err
	}
	manifestAt, err := l.blobJSON(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": configAt, "layers": []descriptor{layerAt}, "annotations": b.labels(),
	})
	if err != nil {
		return nil, err
	}
	manifestAt.Platform = &of
	manifestAt.Annotations = map[string]string{"org.opencontainers.image.ref.name": "lwbs:" + b.version, "io.containerd.image.name": "docker.io/library/lwbs:" + b.version}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": typeIndex, "manifests": []descriptor{manifestAt}})
	if err != nil {
		return nil, err
	}
	if err := l.file("index.json", index); err != nil {
		return nil, err
	}
	if err := l.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return nil, err
	}
	if err := l.tar.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// labels tell what is in the image (annotations.md).
func (b build) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title": "lwbs", "org.opencontainers.image.description": "LwM2M Bootstrap-Server",
		"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.version": b.version,
		"org.opencontainers.image.revision": b.revision, "org.opencontainers.image.created": b.created.UTC().Format(time.RFC3339),
	}
}

// config is how a container of the image runs (config.md).
func (b build) config(of platform, diffID string) any {
	return struct {
		platform
		Created string         `json:"created"`
		Config  map[string]any `json:"config"`
		RootFS  map[string]any `json:"rootfs"`
		History []any          `json:"history"`
	}{
		of, b.created.UTC().Format(time.RFC3339),
		map[string]any{
			"User": fmt.Sprintf("%d:%d", user, user), "Env": []string{"LWBS_DB=/var/lib/lwbs/lwbs.db"},
			"Entrypoint": []string{"/lwbs"}, "Cmd": []string{"serve"}, "WorkingDir": "/",
			"Volumes": map[string]any{"/var/lib/lwbs": struct{}{}}, "ExposedPorts": map[string]any{"5684/udp": struct{}{}},
			"StopSignal": "SIGTERM", "Labels": b.labels(),
		},
		map[string]any{"type": "layers", "diff_ids": []string{diffID}},
		[]any{map[string]any{"created": b.created.UTC().Format(time.RFC3339), "created_by": "lwbs deploy/image"}},
	}
}

// layer returns the files of the image, compressed, and the digest of the tar file: the binary, and the folder of the
// database, which is the only one that its user may write to.
func (b build) layer() (compressed []byte, diffID string, err error) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "lwbs", Mode: 0o555, Size: int64(len(b.binary))},
		{Typeflag: tar.TypeDir, Name: "var/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "var/lib/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "var/lib/lwbs/", Mode: 0o700, Uid: user, Gid: user},
	} {
		h.ModTime, h.Format = b.created, tar.FormatUSTAR
		if err := t.WriteHeader(&h); err != nil {
			return nil, "", err
		}
		if h.Size > 0 {
			if _, err := t.Write(b.binary); err != nil {
				return nil, "", err
			}
		}
	}
	if err := t.Close(); err != nil {
		return nil, "", err
	}
	diffID = fmt.Sprintf("sha256:%x", sha256.Sum256(out.Bytes()))
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	if _, err := z.Write(out.Bytes()); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return zipped.Bytes(), diffID, nil
}

// blobJSON adds v as a blob.
func (l layout) blobJSON(mediaType string, v any) (descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.blob(mediaType, text)
}

func (l layout) blob(mediaType string, content []byte) (descriptor, error) {
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(content)}, l.file(path.Join("blobs/sha256", sum), content)
}

func (l layout) file(name string, content []byte) error {
	if err := l.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: l.files, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := l.tar.Write(content)
	return err
}
