// Package audit notes what is done over the admin API: who changed or revealed what, when and from where.
//
// [API] passes each call on. The entry of an edit is stored in the transaction of the edit, so that there is neither
// without the other; an edit that is refused, or changes nothing, has none. What is revealed is returned only once its
// entry is stored. An entry names the members that were set, and none of their values that could be secret.
package audit

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An API is an admin API of which everything is noted. Make one with [New].
type API struct {
	admin.API // reads that reveal nothing
	log       store.AuditLog
	byDefault access.Principal
	bulks     bulks
}

var _ admin.API = (*API)(nil)

// New returns an API over another one, which notes in log. What is done without a principal in its context is by
// byDefault.
func New(api admin.API, log store.AuditLog, byDefault access.Principal) *API {
	return &API{API: api, log: log, byDefault: byDefault}
}

// Unwrap returns the API below.
func (a *API) Unwrap() admin.API { return a.API }

// as returns ctx with a principal.
func (a *API) as(ctx context.Context) context.Context {
	if _, ok := access.From(ctx); ok {
		return ctx
	}
	return access.With(ctx, a.byDefault)
}

// edit returns a context under which the next edit that changes something is noted.
func (a *API) edit(ctx context.Context, action, target, detail string) context.Context {
	return access.Audited(a.as(ctx), action, target, detail)
}

// note appends an entry of something that is no edit of a record.
func (a *API) note(ctx context.Context, action, target, detail string) error {
	if _, err := a.log.AppendAudit(ctx, access.EntryOf(a.as(ctx), action, target, detail)); err != nil {
		return fmt.Errorf("it was not done, as it cannot be noted: %w", err)
	}
	return nil
}

// revealed returns v, which was read, once that is noted.
func revealed[V any](a *API, ctx context.Context, reveal bool, kind, target string, v V, err error) (V, error) {
	if err == nil && reveal {
		err = a.note(ctx, kind+" reveal", target, "")
	}
	if err != nil {
		var none V
		return none, err
	}
	return v, nil
}

// Reveal notes that secrets are about to be shown in another way than by an admin API. Where it fails, they must not be.
func (a *API) Reveal(ctx context.Context, action, target string) error {
	return a.note(ctx, action, target, "")
}

// Members lists the members of settings that are not zero, by their names in JSON.
func Members(settings any) string {
	var names []string
	v := reflect.ValueOf(settings)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && !v.Field(i).IsZero() {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// AddDevice implements [admin.API].
func (a *API) AddDevice(ctx context.Context, ep lwm2m.EndpointName, s admin.DeviceSettings) (admin.Device, error) {
	return a.API.AddDevice(a.edit(ctx, "device add", string(ep), Members(s)), ep, s)
}

// SetDevice implements [admin.API].
func (a *API) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, s admin.DeviceSettings) (admin.Device, error) {
	var d admin.Device
	err := a.device(ctx, admin.BulkSet, ep, Members(s), func(ctx context.Context) (err error) {
		d, err = a.API.SetDevice(ctx, ep, rev, s)
		return err
	})
	return d, err
}

// Device implements [admin.API].
func (a *API) Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (admin.Device, error) {
	d, err := a.API.Device(ctx, ep, reveal)
	return revealed(a, ctx, reveal, "device", string(ep), d, err)
}

// RenameDevice implements [admin.API].
func (a *API) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (admin.Device, error) {
	return a.API.RenameDevice(a.edit(ctx, "device rename", string(ep), "to "+string(to)), ep, to, rev)
}

// DeleteDevice implements [admin.API].
func (a *API) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	return a.device(ctx, admin.BulkDelete, ep, "", func(ctx context.Context) error { return a.API.DeleteDevice(ctx, ep, rev) })
}

// ApplyProfile implements [admin.API].
func (a *API) ApplyProfile(ctx context.Context, p store.Profile, o admin.ApplyOptions) (admin.Applied, error) {
	return a.API.ApplyProfile(a.edit(ctx, "profile apply", p.Name, permitted(o)), p, o)
}

// ApplyProfiles implements [admin.API].
func (a *API) ApplyProfiles(ctx context.Context, ps []store.Profile, o admin.ApplyOptions) ([]admin.Applied, error) {
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	return a.API.ApplyProfiles(a.edit(ctx, "profile apply", strings.Join(names, ", "), permitted(o)), ps, o)
}

// permitted lists what an operator has permitted an edit of a profile to do.
func permitted(o admin.ApplyOptions) string {
	o.Examine = 0 // which is about the answer
	return Members(o)
}

// DeleteProfile implements [admin.API].
func (a *API) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return a.API.DeleteProfile(a.edit(ctx, "profile delete", name, ""), name, rev)
}

// AddGroup implements [admin.API].
func (a *API) AddGroup(ctx context.Context, name string, s admin.GroupSettings) (admin.Group, error) {
	return a.API.AddGroup(a.edit(ctx, "group add", name, Members(s)), name, s)
}

// SetGroup implements [admin.API].
func (a *API) SetGroup(ctx context.Context, name string, rev store.Revision, s admin.GroupSettings) (admin.Group, error) {
	return a.API.SetGroup(a.edit(ctx, "group set", name, Members(s)), name, rev, s)
}

// Group implements [admin.API].
func (a *API) Group(ctx context.Context, name string, reveal bool) (admin.Group, error) {
	g, err := a.API.Group(ctx, name, reveal)
	return revealed(a, ctx, reveal, "group", name, g, err)
}

// DeleteGroup implements [admin.API].
func (a *API) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	return a.API.DeleteGroup(a.edit(ctx, "group delete", name, ""), name, rev)
}

// AddLwM2MServer implements [admin.API].
func (a *API) AddLwM2MServer(ctx context.Context, name string, s admin.LwM2MServerSettings) (admin.LwM2MServer, error) {
	return a.API.AddLwM2MServer(a.edit(ctx, "lwm2m-server add", name, Members(s)), name, s)
}

// SetLwM2MServer implements [admin.API].
func (a *API) SetLwM2MServer(ctx context.Context, name string, rev store.Revision, s admin.LwM2MServerSettings) (admin.LwM2MServer, error) {
	return a.API.SetLwM2MServer(a.edit(ctx, "lwm2m-server set", name, Members(s)), name, rev, s)
}

// LwM2MServer implements [admin.API].
func (a *API) LwM2MServer(ctx context.Context, name string, reveal bool) (admin.LwM2MServer, error) {
	s, err := a.API.LwM2MServer(ctx, name, reveal)
	return revealed(a, ctx, reveal, "lwm2m-server", name, s, err)
}

// DeleteLwM2MServer implements [admin.API].
func (a *API) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	return a.API.DeleteLwM2MServer(a.edit(ctx, "lwm2m-server delete", name, ""), name, rev)
}

// TestLwM2MServer implements [admin.API].
func (a *API) TestLwM2MServer(ctx context.Context, name string) (admin.LwM2MServerTest, error) {
	if err := a.note(ctx, "lwm2m-server test", name, ""); err != nil {
		return admin.LwM2MServerTest{}, err
	}
	return a.API.TestLwM2MServer(ctx, name)
}

// Rebootstrap implements [admin.API].
func (a *API) Rebootstrap(ctx context.Context, r admin.RebootstrapRequest) (admin.Rebootstrap, error) {
	return a.API.Rebootstrap(a.edit(ctx, "campaign make", "", Members(r)), r)
}

// SetCampaign implements [admin.API].
func (a *API) SetCampaign(ctx context.Context, id string, do admin.CampaignAction) (admin.Campaign, error) {
	return a.API.SetCampaign(a.edit(ctx, "campaign "+string(do), id, ""), id, do)
}

// Message implements [admin.API]. What a message says may be secret.
func (a *API) Message(ctx context.Context, id store.MessageID) (admin.Message, error) {
	m, err := a.API.Message(ctx, id)
	return revealed(a, ctx, true, "outbox", id.String(), m, err)
}

// RetryMessages implements [admin.API].
func (a *API) RetryMessages(ctx context.Context, f admin.MessageFilter) (int, error) {
	return a.messages(ctx, "outbox retry", f, a.API.RetryMessages)
}

// DropMessages implements [admin.API].
func (a *API) DropMessages(ctx context.Context, f admin.MessageFilter) (int, error) {
	return a.messages(ctx, "outbox drop", f, a.API.DropMessages)
}

// messages notes an edit of several messages once, with how many they were.
func (a *API) messages(ctx context.Context, action string, f admin.MessageFilter, do func(context.Context, admin.MessageFilter) (int, error)) (int, error) {
	ctx = a.edit(ctx, action, f.Receiver, "")
	n, err := do(ctx, f)
	if id := store.AuditOf(ctx).Written(); id != 0 {
		_ = a.log.AmendAudit(context.WithoutCancel(ctx), id, fmt.Sprintf("%d messages", n)) // else it says less
	}
	return n, err
}

// ApprovePending implements [admin.API].
func (a *API) ApprovePending(ctx context.Context, id string, approval admin.Approval) (admin.Device, error) {
	return a.API.ApprovePending(a.edit(ctx, "pending approve", id, strings.TrimSpace(string(approval.Endpoint)+" with profile "+approval.Profile)), id, approval)
}

// RejectPending implements [admin.API].
func (a *API) RejectPending(ctx context.Context, id string) (admin.PendingDevice, error) {
	return a.API.RejectPending(a.edit(ctx, "pending reject", id, ""), id)
}

// AddUser implements [admin.API].
func (a *API) AddUser(ctx context.Context, name string, s admin.UserSettings) (admin.User, error) {
	return a.API.AddUser(a.edit(ctx, "user add", name, userDetail(s)), name, s)
}

// SetUser implements [admin.API].
func (a *API) SetUser(ctx context.Context, name string, rev store.Revision, s admin.UserSettings) (admin.User, error) {
	return a.API.SetUser(a.edit(ctx, "user set", name, userDetail(s)), name, rev, s)
}

// ChangePassword implements [admin.API].
func (a *API) ChangePassword(ctx context.Context, c admin.PasswordChange) (admin.User, error) {
	ctx = a.as(ctx)
	target := c.User
	if p, _ := access.From(ctx); target == "" {
		target = p.Name
	}
	return a.API.ChangePassword(a.edit(ctx, "user password", target, ""), c)
}

func userDetail(s admin.UserSettings) string {
	detail := Members(s)
	if s.Role != nil {
		detail = strings.Replace(detail, "role", "role "+s.Role.String(), 1)
	}
	if s.Disabled != nil {
		detail = strings.Replace(detail, "disabled", fmt.Sprintf("disabled %v", *s.Disabled), 1)
	}
	return detail
}

// DeleteUser implements [admin.API].
func (a *API) DeleteUser(ctx context.Context, name string, rev store.Revision) error {
	return a.API.DeleteUser(a.edit(ctx, "user delete", name, ""), name, rev)
}

// CreateToken implements [admin.API].
func (a *API) CreateToken(ctx context.Context, name string, s admin.TokenSettings) (admin.Token, error) {
	detail := "role " + s.Role.String()
	if s.User != "" {
		detail += ", of user " + s.User
	}
	return a.API.CreateToken(a.edit(ctx, "token create", name, detail), name, s)
}

// RevokeToken implements [admin.API].
func (a *API) RevokeToken(ctx context.Context, name string, rev store.Revision) error {
	return a.API.RevokeToken(a.edit(ctx, "token revoke", name, ""), name, rev)
}

// Whoami implements [admin.API].
func (a *API) Whoami(ctx context.Context) (access.Principal, error) { return a.API.Whoami(a.as(ctx)) }

// Trace implements [admin.API].
func (a *API) Trace(ctx context.Context, o admin.TraceOptions, w io.Writer) error {
	if o.Reveal {
		if err := a.note(ctx, "session reveal", string(o.Endpoint), "a trace with secrets"); err != nil {
			return err
		}
	}
	return a.API.Trace(ctx, o, w)
}

// Backup implements [admin.API].
func (a *API) Backup(ctx context.Context, file string) error {
	if err := a.note(ctx, "db backup", "", file); err != nil {
		return err
	}
	return a.API.Backup(ctx, file)
}

// WriteBackup implements [admin.API].
func (a *API) WriteBackup(ctx context.Context, w io.Writer) error {
	if err := a.note(ctx, "db backup", "", "to the client"); err != nil {
		return err
	}
	return a.API.WriteBackup(ctx, w)
}
