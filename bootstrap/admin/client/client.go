// Package client is the admin API of a running server, asked over its Unix socket or over HTTPS.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/socket"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Client is the API of a running server, over its Unix socket or over HTTPS.
type Client struct {
	base    string // of URLs: scheme and host; made up for a socket
	remote  bool   // over HTTPS
	http    *http.Client
	patient *http.Client // for edits, and what takes as long as the database is large
}

// answerTimeout is how long a server may take until it begins to answer a read.
const answerTimeout = time.Minute

// idleConns is how many connections are kept for the next requests: as many as an edit of many
// devices has at a time.
const idleConns = 64

var _ admin.API = (*Client)(nil)

// Dial returns a Client of the server on the socket in file. Where no server answers, the error
// is that of the operating system.
func Dial(ctx context.Context, file string) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return socket.Dial(ctx, file) }
	try, cancel := context.WithTimeout(ctx, socket.DialTimeout)
	defer cancel()
	c, err := dial(try, "", "")
	if err != nil {
		return nil, err
	}
	c.Close()
	return &Client{
		base:    "http://lwbs",
		http:    &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: idleConns, ResponseHeaderTimeout: answerTimeout}},
		patient: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: idleConns}},
	}, nil
}

// Remote reports whether the server is asked over HTTPS, and may be on another machine.
func (c *Client) Remote() bool { return c.remote }

// Close lets go of idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	c.patient.CloseIdleConnections()
	return nil
}

// request sends one request. In and out may be nil; a problem comes back as the error
// that it was.
func (c *Client) request(ctx context.Context, method, path string, rev store.Revision, in, out any) error {
	resp, err := c.send(ctx, method, path, rev, in)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

// scan asks for what the server reads many records for, and waits as long as that takes.
func (c *Client) scan(ctx context.Context, path string, out any) error {
	resp, err := c.sendBy(ctx, c.patient, http.MethodGet, path, 0, nil)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

// decode reads an answer into out, which may be nil.
func decode(resp *http.Response, out any) error {
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, rev store.Revision, in any) (*http.Response, error) {
	client := c.http
	if method != http.MethodGet || strings.HasPrefix(path, failuresPath) {
		client = c.patient
	}
	return c.sendBy(ctx, client, method, path, rev, in)
}

// sendBy is send by one of the two clients of c.
func (c *Client) sendBy(ctx context.Context, client *http.Client, method, path string, rev store.Revision, in any) (*http.Response, error) {
	var b bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&b).Encode(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &b)
	if err != nil {
		return nil, err
	}
	if rev != 0 {
		req.Header.Set("If-Match", wire.ETag(rev))
	}
	if id := admin.BulkOf(ctx); id != 0 {
		req.Header.Set(wire.BulkHeader, strconv.FormatUint(uint64(id), 10))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, askError(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemIn(resp)
}

// problemIn is the error in an answer that is none.
func problemIn(resp *http.Response) error {
	var p wire.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Detail == "" {
		return fmt.Errorf("the server answers %s: is it another version of lwbs?", resp.Status)
	}
	if err := p.Err(); errors.Is(err, wire.ErrNoRoute) {
		return fmt.Errorf("the server is of another version than this lwbs: %w", err)
	}
	return p.Err()
}

// askError says why a request has no answer, without the address, which is made up.
func askError(ctx context.Context, err error) error {
	var asked *url.Error
	switch {
	case ctx.Err() != nil || !errors.As(err, &asked):
		return fmt.Errorf("ask the server: %w", err)
	case asked.Timeout():
		return fmt.Errorf("ask the server: it does not answer within %v: %w", answerTimeout, asked.Err)
	}
	return fmt.Errorf("ask the server: %w", asked.Err)
}

func devicePath(ep lwm2m.EndpointName) string { return "/v1/devices/" + segment(string(ep)) }

func profilePath(name string) string { return "/v1/profiles/" + segment(name) }

// segment is a name as one segment of a path. Dots alone would lead elsewhere.
func segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// withQuery appends the parameters that are not empty.
func withQuery(path string, pairs ...string) string {
	q := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func flag(v bool) string {
	if v {
		return "true"
	}
	return ""
}
