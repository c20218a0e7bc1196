// Package client is the admin API of a running server, asked over its Unix socket.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// A Client is the API of a running server, over its Unix socket.
type Client struct {
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
		http:    &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: idleConns, ResponseHeaderTimeout: answerTimeout}},
		patient: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: idleConns}},
	}, nil
}

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
	req, err := http.NewRequestWithContext(ctx, method, "http://lwbs"+path, &b)
	if err != nil {
		return nil, err
	}
	if rev != 0 {
		req.Header.Set("If-Match", wire.ETag(rev))
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

// AddDevice implements [admin.API].
func (c *Client) AddDevice(ctx context.Context, ep lwm2m.EndpointName, set admin.DeviceSettings) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, devicePath(ep), 0, set, &d)
}

// SetDevice implements [admin.API].
func (c *Client) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set admin.DeviceSettings) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPatch, devicePath(ep), rev, set, &d)
}

// Device implements [admin.API].
func (c *Client) Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodGet, withQuery(devicePath(ep), "reveal", flag(reveal)), 0, nil, &d)
}

// Devices implements [admin.API].
func (c *Client) Devices(ctx context.Context, q admin.DeviceQuery) (page []admin.Device, err error) {
	path := withQuery("/v1/devices", append(filterPairs(q.DeviceFilter), "after", string(q.After), "limit", number(q.Limit))...)
	if q.NeedsHistory() {
		return page, c.scan(ctx, path, &page)
	}
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// CountDevices implements [admin.API].
func (c *Client) CountDevices(ctx context.Context, f admin.DeviceFilter) (count admin.DeviceCount, err error) {
	return count, c.scan(ctx, withQuery("/v1/fleet", filterPairs(f)...), &count)
}

// filterPairs are the parameters of a filter.
func filterPairs(f admin.DeviceFilter) []string {
	return []string{
		"prefix", f.Prefix, "profile", f.Profile, "tag", f.Tag, "group", f.Group, "state", string(f.State),
		"seenSince", moment(f.SeenSince), "notSeenSince", moment(f.NotSeenSince), "rotating", flag(f.Rotating), "expiresBefore", moment(f.ExpiresBefore),
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Preview implements [admin.API].
func (c *Client) Preview(ctx context.Context, ep lwm2m.EndpointName, o admin.PreviewOptions) (v admin.Preview, err error) {
	return v, c.request(ctx, http.MethodPost, devicePath(ep)+"/preview", 0, o, &v)
}

// RenameDevice implements [admin.API].
func (c *Client) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, devicePath(ep)+"/rename", rev, wire.RenameRequest{To: to}, &d)
}

// DeleteDevice implements [admin.API].
func (c *Client) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, devicePath(ep), rev, nil, nil)
}

// ApplyProfile implements [admin.API].
func (c *Client) ApplyProfile(ctx context.Context, p store.Profile, o admin.ApplyOptions) (a admin.Applied, err error) {
	rev := p.Revision
	p.Revision = 0
	path := withQuery(profilePath(p.Name), "replaceKeys", flag(o.ReplaceKeys), "allowFailing", flag(o.AllowFailing), "dryRun", flag(o.DryRun), "examine", number(o.Examine))
	return a, c.request(ctx, http.MethodPut, path, rev, p, &a)
}

// ApplyProfiles implements [admin.API].
func (c *Client) ApplyProfiles(ctx context.Context, ps []store.Profile, o admin.ApplyOptions) ([]admin.Applied, error) {
	var a wire.ApplyAnswer
	err := c.request(ctx, http.MethodPost, "/v1/profiles", 0, wire.ApplyRequest{Profiles: ps, ApplyOptions: o}, &a)
	return a.Applied, err
}

// Profile implements [admin.API].
func (c *Client) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	return p, c.request(ctx, http.MethodGet, profilePath(name), 0, nil, &p)
}

// Profiles implements [admin.API].
func (c *Client) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	return page, c.request(ctx, http.MethodGet, withQuery("/v1/profiles", "after", q.After, "limit", number(q.Limit)), 0, nil, &page)
}

// ProfileRevisions implements [admin.API].
func (c *Client) ProfileRevisions(ctx context.Context, name string) (all []store.Profile, err error) {
	return all, c.request(ctx, http.MethodGet, profilePath(name)+"/revisions", 0, nil, &all)
}

// DeleteProfile implements [admin.API].
func (c *Client) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, profilePath(name), rev, nil, nil)
}

func groupPath(name string) string { return "/v1/groups/" + segment(name) }

// AddGroup implements [admin.API].
func (c *Client) AddGroup(ctx context.Context, name string, set admin.GroupSettings) (g admin.Group, err error) {
	return g, c.request(ctx, http.MethodPost, groupPath(name), 0, set, &g)
}

// SetGroup implements [admin.API].
func (c *Client) SetGroup(ctx context.Context, name string, rev store.Revision, set admin.GroupSettings) (g admin.Group, err error) {
	return g, c.request(ctx, http.MethodPatch, groupPath(name), rev, set, &g)
}

// Group implements [admin.API].
func (c *Client) Group(ctx context.Context, name string, reveal bool) (g admin.Group, err error) {
	return g, c.scan(ctx, withQuery(groupPath(name), "reveal", flag(reveal)), &g)
}

// Groups implements [admin.API].
func (c *Client) Groups(ctx context.Context) (all []admin.Group, err error) {
	return all, c.scan(ctx, "/v1/groups", &all)
}

// DeleteGroup implements [admin.API].
func (c *Client) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, groupPath(name), rev, nil, nil)
}

func lwm2mServerPath(name string) string { return "/v1/lwm2m-servers/" + segment(name) }

// AddLwM2MServer implements [admin.API].
func (c *Client) AddLwM2MServer(ctx context.Context, name string, set admin.LwM2MServerSettings) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodPost, lwm2mServerPath(name), 0, set, &s)
}

// SetLwM2MServer implements [admin.API].
func (c *Client) SetLwM2MServer(ctx context.Context, name string, rev store.Revision, set admin.LwM2MServerSettings) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodPatch, lwm2mServerPath(name), rev, set, &s)
}

// LwM2MServer implements [admin.API].
func (c *Client) LwM2MServer(ctx context.Context, name string, reveal bool) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodGet, withQuery(lwm2mServerPath(name), "reveal", flag(reveal)), 0, nil, &s)
}

// LwM2MServers implements [admin.API].
func (c *Client) LwM2MServers(ctx context.Context) (all []admin.LwM2MServer, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/lwm2m-servers", 0, nil, &all)
}

// DeleteLwM2MServer implements [admin.API].
func (c *Client) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, lwm2mServerPath(name), rev, nil, nil)
}

// TestLwM2MServer implements [admin.API].
func (c *Client) TestLwM2MServer(ctx context.Context, name string) (t admin.LwM2MServerTest, err error) {
	return t, c.request(ctx, http.MethodPost, lwm2mServerPath(name)+"/test", 0, nil, &t)
}

// Session implements [admin.API].
func (c *Client) Session(ctx context.Context, id string) (s store.Session, err error) {
	return s, c.request(ctx, http.MethodGet, "/v1/sessions/"+segment(id), 0, nil, &s)
}

// Explain implements [admin.API].
func (c *Client) Explain(ctx context.Context, id string) (r admin.Reason, err error) {
	return r, c.request(ctx, http.MethodGet, "/v1/sessions/"+segment(id)+"/explanation", 0, nil, &r)
}

// Why implements [admin.API].
func (c *Client) Why(ctx context.Context, name string, limit int) (w admin.Why, err error) {
	return w, c.request(ctx, http.MethodGet, withQuery("/v1/why/"+segment(name), "limit", number(limit)), 0, nil, &w)
}

// failuresPath is that of a read which goes through the whole history.
const failuresPath = "/v1/failures"

// Failures implements [admin.API].
func (c *Client) Failures(ctx context.Context, examples int) (f admin.Failures, err error) {
	return f, c.scan(ctx, withQuery(failuresPath, "examples", number(examples)), &f)
}

// RunningSessions implements [admin.API].
func (c *Client) RunningSessions(ctx context.Context) (running []store.Session, err error) {
	return running, c.request(ctx, http.MethodGet, "/v1/sessions/running", 0, nil, &running)
}

// PendingDevices implements [admin.API].
func (c *Client) PendingDevices(ctx context.Context) (all []admin.PendingDevice, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/pending", 0, nil, &all)
}

// ApprovePending implements [admin.API].
func (c *Client) ApprovePending(ctx context.Context, id string, a admin.Approval) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, "/v1/pending/"+segment(id)+"/approve", 0, a, &d)
}

// RejectPending implements [admin.API].
func (c *Client) RejectPending(ctx context.Context, id string) (p admin.PendingDevice, err error) {
	return p, c.request(ctx, http.MethodPost, "/v1/pending/"+segment(id)+"/reject", 0, nil, &p)
}

// Sessions implements [admin.API].
func (c *Client) Sessions(ctx context.Context, q store.SessionQuery) (page []store.Session, err error) {
	path := withQuery("/v1/sessions", "endpoint", string(q.Endpoint), "identity", q.Identity, "before", q.Before,
		"limit", number(q.Limit), "failed", flag(q.Failed), "own", flag(q.Own), "unknown", flag(q.Unknown))
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// Status implements [admin.API].
func (c *Client) Status(ctx context.Context) (s admin.Status, err error) {
	return s, c.request(ctx, http.MethodGet, "/v1/status", 0, nil, &s)
}

// Unreadable implements [admin.API].
func (c *Client) Unreadable(ctx context.Context) (parts []admin.Unreadable, err error) {
	return parts, c.request(ctx, http.MethodGet, "/v1/unreadable", 0, nil, &parts)
}

// Check implements [admin.API].
func (c *Client) Check(ctx context.Context) error {
	return c.request(ctx, http.MethodPost, "/v1/check", 0, nil, nil)
}

// Backup implements [admin.API].
func (c *Client) Backup(ctx context.Context, file string) error {
	return c.request(ctx, http.MethodPost, "/v1/backup", 0, wire.BackupRequest{File: file}, nil)
}

// WriteBackup implements [admin.API]. What was written of a copy that fails is none.
func (c *Client) WriteBackup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup/content", 0, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// Trace implements [admin.API]. It ends with the error of ctx where that ended it.
func (c *Client) Trace(ctx context.Context, o admin.TraceOptions, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/trace", 0, o)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("read the trace: %w", err)
	}
	return nil
}

// Watch implements [admin.API]. It ends without error when the server does.
func (c *Client) Watch(ctx context.Context, each func(admin.Event) error) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", 0, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e admin.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the server's events: %w", err)
	}
	return nil
}
