package metrics

import (
	"context"
	"errors"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Results of store operations.
const (
	resultDone     = "done"
	resultNotFound = "not-found"
	resultConflict = "conflict" // the record is there already, is in use, or has changed since
	resultFailed   = "failed"   // the store's own fault, or the caller's

	// resultCancelled: whoever asked did not wait for the answer.
	resultCancelled = "cancelled"
)

// Store returns s with its operations measured.
func (m *Metrics) Store(s store.Store) store.Store { return measured{s, m} }

type measured struct {
	store.Store
	metrics *Metrics
}

// took records how long op has taken since start, and its result; for defer.
func (s measured) took(op string, start time.Time, err *error) {
	s.metrics.storeTook.WithLabelValues(op, resultOf(*err)).Observe(time.Since(start).Seconds())
}

func resultOf(err error) string {
	switch {
	case err == nil:
		return resultDone
	case errors.Is(err, store.ErrNotFound):
		return resultNotFound
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists), errors.Is(err, store.ErrIdentityTaken), errors.Is(err, store.ErrInUse), errors.Is(err, store.ErrGroupFull):
		return resultConflict
	case errors.Is(err, context.Canceled):
		return resultCancelled
	}
	return resultFailed
}

func (s measured) PutDevice(ctx context.Context, d store.Device) (kept store.Device, err error) {
	defer s.took("put_device", time.Now(), &err)
	return s.Store.PutDevice(ctx, d)
}

func (s measured) PutDevices(ctx context.Context, ds []store.Device) (results []store.PutResult, err error) {
	defer s.took("put_devices", time.Now(), &err)
	return s.Store.PutDevices(ctx, ds)
}

func (s measured) EnrolDevice(ctx context.Context, d store.Device, rev store.Revision) (kept store.Device, err error) {
	defer s.took("enrol_device", time.Now(), &err)
	return s.Store.EnrolDevice(ctx, d, rev)
}

func (s measured) PutGroup(ctx context.Context, g store.Group) (kept store.Group, err error) {
	defer s.took("put_group", time.Now(), &err)
	return s.Store.PutGroup(ctx, g)
}

func (s measured) Group(ctx context.Context, name string) (g store.Group, err error) {
	defer s.took("group", time.Now(), &err)
	return s.Store.Group(ctx, name)
}

func (s measured) Groups(ctx context.Context) (all store.Groups, err error) {
	defer s.took("groups", time.Now(), &err)
	return s.Store.Groups(ctx)
}

func (s measured) GroupSize(ctx context.Context, name string) (n int, err error) {
	defer s.took("group_size", time.Now(), &err)
	return s.Store.GroupSize(ctx, name)
}

func (s measured) DeleteGroup(ctx context.Context, name string, rev store.Revision) (err error) {
	defer s.took("delete_group", time.Now(), &err)
	return s.Store.DeleteGroup(ctx, name, rev)
}

func (s measured) PutLwM2MServer(ctx context.Context, server store.LwM2MServer) (kept store.LwM2MServer, err error) {
	defer s.took("put_lwm2m_server", time.Now(), &err)
	return s.Store.PutLwM2MServer(ctx, server)
}

func (s measured) LwM2MServer(ctx context.Context, name string) (server store.LwM2MServer, err error) {
	defer s.took("lwm2m_server", time.Now(), &err)
	return s.Store.LwM2MServer(ctx, name)
}

func (s measured) LwM2MServers(ctx context.Context) (all []store.LwM2MServer, err error) {
	defer s.took("lwm2m_servers", time.Now(), &err)
	return s.Store.LwM2MServers(ctx)
}

func (s measured) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) (err error) {
	defer s.took("delete_lwm2m_server", time.Now(), &err)
	return s.Store.DeleteLwM2MServer(ctx, name, rev)
}

func (s measured) PutPendingDevice(ctx context.Context, p store.PendingDevice) (err error) {
	defer s.took("put_pending_device", time.Now(), &err)
	return s.Store.PutPendingDevice(ctx, p)
}

func (s measured) PendingDevices(ctx context.Context) (all []store.PendingDevice, err error) {
	defer s.took("pending_devices", time.Now(), &err)
	return s.Store.PendingDevices(ctx)
}

func (s measured) DeletePendingDevice(ctx context.Context, id string) (err error) {
	defer s.took("delete_pending_device", time.Now(), &err)
	return s.Store.DeletePendingDevice(ctx, id)
}

func (s measured) Device(ctx context.Context, ep lwm2m.EndpointName) (d store.Device, err error) {
	defer s.took("device", time.Now(), &err)
	return s.Store.Device(ctx, ep)
}

func (s measured) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (d store.Device, err error) {
	defer s.took("device_by_identity", time.Now(), &err)
	return s.Store.DeviceByIdentity(ctx, kind, identity)
}

func (s measured) Revisions(ctx context.Context, ep lwm2m.EndpointName) (r store.Revisions, err error) {
	defer s.took("revisions", time.Now(), &err)
	return s.Store.Revisions(ctx, ep)
}

func (s measured) Devices(ctx context.Context, q store.DeviceQuery) (page []store.Device, err error) {
	defer s.took("devices", time.Now(), &err)
	return s.Store.Devices(ctx, q)
}

func (s measured) DeviceOutlines(ctx context.Context, q store.DeviceQuery) (page []store.DeviceOutline, err error) {
	defer s.took("device_outlines", time.Now(), &err)
	return s.Store.DeviceOutlines(ctx, q)
}

func (s measured) DeviceSample(ctx context.Context, profile string, n int) (total int, names []lwm2m.EndpointName, err error) {
	defer s.took("device_sample", time.Now(), &err)
	return s.Store.DeviceSample(ctx, profile, n)
}

func (s measured) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) (err error) {
	defer s.took("delete_device", time.Now(), &err)
	return s.Store.DeleteDevice(ctx, ep, rev)
}

func (s measured) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (kept store.Device, err error) {
	defer s.took("rename_device", time.Now(), &err)
	return s.Store.RenameDevice(ctx, ep, to, rev)
}

func (s measured) NearDevices(ctx context.Context, name string, limit int) (near []store.NearDevice, err error) {
	defer s.took("near_devices", time.Now(), &err)
	return s.Store.NearDevices(ctx, name, limit)
}

func (s measured) NamesBeginning(ctx context.Context, prefix string, limit int) (found []store.NearDevice, err error) {
	defer s.took("names_beginning", time.Now(), &err)
	return s.Store.NamesBeginning(ctx, prefix, limit)
}

func (s measured) PutProfile(ctx context.Context, p store.Profile) (kept store.Profile, err error) {
	defer s.took("put_profile", time.Now(), &err)
	return s.Store.PutProfile(ctx, p)
}

func (s measured) PutProfiles(ctx context.Context, ps []store.Profile) (kept []store.Profile, err error) {
	defer s.took("put_profiles", time.Now(), &err)
	return s.Store.PutProfiles(ctx, ps)
}

func (s measured) ProfileRevisions(ctx context.Context, name string) (all []store.Profile, err error) {
	defer s.took("profile_revisions", time.Now(), &err)
	return s.Store.ProfileRevisions(ctx, name)
}

func (s measured) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	defer s.took("profile", time.Now(), &err)
	return s.Store.Profile(ctx, name)
}

func (s measured) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	defer s.took("profiles", time.Now(), &err)
	return s.Store.Profiles(ctx, q)
}

func (s measured) DeleteProfile(ctx context.Context, name string, rev store.Revision) (err error) {
	defer s.took("delete_profile", time.Now(), &err)
	return s.Store.DeleteProfile(ctx, name, rev)
}

func (s measured) AppendSession(ctx context.Context, session store.Session) (err error) {
	defer s.took("append_session", time.Now(), &err)
	return s.Store.AppendSession(ctx, session)
}

func (s measured) EndSession(ctx context.Context, session store.Session, d store.Device) (kept store.Device, err error) {
	defer s.took("end_session", time.Now(), &err)
	return s.Store.EndSession(ctx, session, d)
}

func (s measured) Session(ctx context.Context, id string) (session store.Session, err error) {
	defer s.took("session", time.Now(), &err)
	return s.Store.Session(ctx, id)
}

func (s measured) Sessions(ctx context.Context, q store.SessionQuery) (page []store.Session, err error) {
	defer s.took("sessions", time.Now(), &err)
	return s.Store.Sessions(ctx, q)
}

func (s measured) LastSession(ctx context.Context) (id string, err error) {
	defer s.took("last_session", time.Now(), &err)
	return s.Store.LastSession(ctx)
}

func (s measured) Stats(ctx context.Context) (st store.Stats, err error) {
	defer s.took("stats", time.Now(), &err)
	return s.Store.Stats(ctx)
}

func (s measured) DevicesHandedOver(ctx context.Context, server, identity string, limit int) (names []lwm2m.EndpointName, err error) {
	defer s.took("devices_handed_over", time.Now(), &err)
	return s.Store.DevicesHandedOver(ctx, server, identity, limit)
}

func (s measured) AppendEvent(ctx context.Context, e store.Event) (n int, err error) {
	defer s.took("append_event", time.Now(), &err)
	return s.Store.AppendEvent(ctx, e)
}

func (s measured) Messages(ctx context.Context, q store.MessageQuery) (page []store.Message, err error) {
	defer s.took("messages", time.Now(), &err)
	return s.Store.Messages(ctx, q)
}

func (s measured) Message(ctx context.Context, id store.MessageID) (m store.Message, err error) {
	defer s.took("message", time.Now(), &err)
	return s.Store.Message(ctx, id)
}

func (s measured) PutMessage(ctx context.Context, m store.Message) (err error) {
	defer s.took("put_message", time.Now(), &err)
	return s.Store.PutMessage(ctx, m)
}

func (s measured) RequeueMessage(ctx context.Context, id store.MessageID) (m store.Message, err error) {
	defer s.took("requeue_message", time.Now(), &err)
	return s.Store.RequeueMessage(ctx, id)
}

func (s measured) DeleteMessage(ctx context.Context, id store.MessageID) (err error) {
	defer s.took("delete_message", time.Now(), &err)
	return s.Store.DeleteMessage(ctx, id)
}

func (s measured) OutboxCounts(ctx context.Context) (all []store.OutboxCount, err error) {
	defer s.took("outbox_counts", time.Now(), &err)
	return s.Store.OutboxCounts(ctx)
}
