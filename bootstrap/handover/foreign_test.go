package handover_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// No form of a key or a token that a server repeats comes into an error.
func TestErrorsHaveNoSecrets(t *testing.T) {
	key := []byte{0x01, 0x9c, 0xfe, 0x22, 0x5a, 0x7b, 0xd3, 0x40, 0x88, 0x61, 0xaf, 0x13, 0xee, 0x05, 0xc7, 0x9b}
	plain := hex.EncodeToString(key)
	separated := func(format, separator string) string {
		var parts []string
		for _, b := range key {
			parts = append(parts, fmt.Sprintf(format, b))
		}
		return strings.Join(parts, separator)
	}
	signed := make([]string, len(key))
	for i, b := range key {
		signed[i] = fmt.Sprint(int8(b))
	}
	var escaped, percent strings.Builder
	for _, c := range plain {
		fmt.Fprintf(&escaped, `\\u%04x`, c)
		fmt.Fprintf(&percent, "%%%02x", c)
	}
	for name, said := range map[string]string{
		"hexadecimal":                         plain,
		"upper case":                          strings.ToUpper(plain),
		"behind a letter of another length":   "İK" + plain,
		"cut by the server":                   plain[:16],
		"its end":                             plain[12:],
		"at the cut":                          strings.Repeat("x", 190) + plain,
		"behind many":                         strings.Repeat(plain+" ", 127) + plain,
		"with colons":                         separated("%02x", ":"),
		"with dashes":                         separated("%02X", "-"),
		"as in Go":                            separated("0x%02x", ", "),
		"numbers":                             separated("%d", ","),
		"signed numbers":                      strings.Join(signed, ", "),
		"as text of Go":                       separated(`\x%02x`, ""),
		"bytes":                               string(key),
		"base64":                              base64.StdEncoding.EncodeToString(key),
		"base64 of URLs":                      base64.URLEncoding.EncodeToString(key),
		"base64 of more":                      base64.StdEncoding.EncodeToString(append([]byte("id:"), key...)),
		"base64 of hexadecimal":               base64.StdEncoding.EncodeToString([]byte("key=" + plain)),
		"escaped twice":                       escaped.String(),
		"URL":                                 percent.String(),
		"an escaped separator":                strings.ReplaceAll(separated("%02x", ":"), ":", "%3A"),
		"token":                               "T0p-Secret/Token=1",
		"token in JSON":                       `{"got":"T0p-Secret\/Token\u003d1"}`,
		"token in another case with a scheme": "BEARER t0p-secret/token=1",
		"token in a URL":                      "T0p-Secret%2FToken%3D1",
	} {
		for _, status := range []int{400, 302, 999} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					switch status {
					case 302:
						w.Header().Set("Location", "/login/"+strings.Map(func(r rune) rune {
							if r < ' ' || r > '~' {
								return '_'
							}
							return r
						}, said))
						w.WriteHeader(status)
					case 999: // no HTTP
						if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
							fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", said)
							c.Close()
						}
					default:
						w.WriteHeader(status)
						_, _ = io.WriteString(w, said)
					}
				}))
				defer web.Close()
				s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL, Headers: map[string]lwm2m.Secret{"Authorization": lwm2m.NewSecret([]byte("Bearer T0p-Secret/Token=1"))}})
				a := pskAccount("meter", "id")
				a.Key = lwm2m.NewSecret(key)
				err := s.Put(t.Context(), a)
				if err == nil {
					t.Fatal("it succeeds")
				}
				if status == 302 && name == "bytes" { // which no header can have
					return
				}
				if told := strings.TrimSuffix(err.Error(), said); told == err.Error() {
					told = strings.TrimPrefix(told, "it answers PUT /api/security/clients/ with 400 Bad Request: ")
					for _, piece := range []string{plain[:8], plain[24:], strings.ToUpper(plain[:8]), "01:9c:fe:22", "01-9C", "0x9c", "156,254", "-100, -2", `\x9c`, "AZz+Il", "AZz-Il", "wMTljZmUy", "u0030", "%30", "%3A9c", "Secret", "secret"} {
						if strings.Contains(told, piece) {
							t.Errorf("the error has %s: %s", piece, told)
						}
					}
					return
				}
				t.Errorf("the error ends with it: %v", err)
			})
		}
	}
}

// What hides a secret ends, also where its sign is the secret, and leaves other words alone.
func TestWordsStay(t *testing.T) {
	for secret, want := range map[string]string{"…": "wait… for device 12345678", "\x80": "wait… for device 12345678", "tb_password": "wait… for device 12345678"} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "wait… for device 12345678", http.StatusBadRequest)
		}))
		s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL, Headers: map[string]lwm2m.Secret{"X-Token": lwm2m.NewSecret([]byte(secret))}})
		expect(t, s.Put(t.Context(), pskAccount("meter", "id")), "400 Bad Request: "+want[:4], false)
		web.Close()
	}
}

// A ThingsBoard that repeats the token or the API key of a request does not put it into an error.
func TestThingsBoardTokensAreSecret(t *testing.T) {
	for _, user := range []string{"", "u"} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/login") {
				_, _ = io.WriteString(w, `{"token":"t0psecret"}`)
				return
			}
			http.Error(w, "forbidden for "+r.Header.Get("X-Authorization"), http.StatusForbidden)
		}))
		s := newServer(t, store.LwM2MServer{Kind: store.KindThingsBoard, Address: web.URL, User: user, Secret: lwm2m.NewSecret([]byte("t0psecret"))})
		expect(t, s.Put(t.Context(), pskAccount("meter", "id")), "403 Forbidden: forbidden for", false)
		web.Close()
	}
}

// A page that something in front of Leshan answers with is no success.
func TestPageIsNoSuccess(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>Log in</title>")
	}))
	defer web.Close()
	s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL})
	expect(t, s.Put(t.Context(), pskAccount("meter", "id")), "check its address", false)
}

// The address of a webhook is used as it is: to some, /hook and /hook/ differ.
func TestWebhookAddressIsWhole(t *testing.T) {
	for _, path := range []string{"/hook/", "/hook", "/hook?next=/a/"} {
		got := ""
		web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
		s := newServer(t, store.LwM2MServer{Kind: store.KindWebhook, Address: web.URL + path, Secret: lwm2m.NewSecret([]byte(strings.Repeat("s", 24)))})
		if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil || got != path {
			t.Errorf("POST %s, %v, want %s", got, err, path)
		}
		web.Close()
	}
}

// A file of keys keeps its lines byte by byte, and identities that begin alike are different ones.
func TestPSKFileKeepsLines(t *testing.T) {
	for name, tt := range map[string][2]string{
		"CRLF":                {"\r\n# ours\r\na:01\r\nmeter:00\r\n", "\r\n# ours\r\na:01\r\nmeter:" + keyHex + "\n"},
		"no end":              {"a:01", "a:01\nmeter:" + keyHex + "\n"},
		"beginning alike":     {"mete:01\nmeter1:02\nmeter 2:03\n", "mete:01\nmeter1:02\nmeter 2:03\nmeter:" + keyHex + "\n"},
		"a line that is none": {"a:01\nmeter\n", ""},
		"another file":        {"root:x:0:0:root:/root:/bin/sh\n", ""},
		"a database":          {"\x00\x00\xed\x0c\n:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "keys")
			if err := os.WriteFile(file, []byte(tt[0]), 0o600); err != nil {
				t.Fatal(err)
			}
			err := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: file}).Put(t.Context(), pskAccount("meter", "meter"))
			want := tt[1]
			if want == "" {
				want = tt[0]
				expect(t, err, "is not identity:hexkey", false)
			} else if err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("the file is %q, %v\nwant        %q", got, err, want)
			}
		})
	}
}

// The file that a symbolic link leads to is replaced, and not the link.
func TestPSKFileBehindLink(t *testing.T) {
	folder := t.TempDir()
	link, file := filepath.Join(folder, "link"), filepath.Join(folder, "data", "keys")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	s := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: link})
	expect(t, s.Put(t.Context(), pskAccount("meter", "id")), "a symbolic link that leads to no file", false)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "id:"+keyHex+"\n" {
		t.Errorf("the file is %q, %v", got, err)
	}
	direct := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: file})
	const n = 100
	var all sync.WaitGroup
	for i := range n {
		for _, way := range []handover.Server{s, direct} {
			all.Go(func() {
				if err := way.Put(t.Context(), pskAccount("meter", fmt.Sprintf("%p %d", way, i))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if got, err := os.ReadFile(file); err != nil || strings.Count(string(got), "\n") != 1+2*n {
		t.Errorf("by two ways, the file has %d lines, %v", strings.Count(string(got), "\n"), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
}

// A program that leaves another one running has ended.
func TestCommandLeavesProgramRunning(t *testing.T) {
	for status, told := range map[string]string{"0": "", "3": "exit status 3"} {
		program := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(program, []byte("#!/bin/sh\nsleep 20 &\nexit "+status+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := newServer(t, store.LwM2MServer{Kind: store.KindCommand, Address: program}).Put(t.Context(), pskAccount("meter", "id"))
		if told == "" && err != nil {
			t.Error(err)
		} else if told != "" {
			expect(t, err, told, false)
		}
	}
}
