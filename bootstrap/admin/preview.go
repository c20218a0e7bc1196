package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

// PreviewOptions say what is known of the client of a device.
type PreviewOptions struct {
	// Discovery is its answer to Bootstrap-Discover, in link format. Empty stands for a client
	// as it leaves the factory, which has its Bootstrap-Server Account at /0/0.
	Discovery string `json:"discovery,omitempty"`

	// PreferredFormat is the pct of its Bootstrap-Request; nil for none.
	PreferredFormat *lwm2m.Format `json:"preferredFormat,omitempty"`

	// With is a profile as if it had been applied, and the device as if it had it. Without an endpoint name
	// a made-up device stands in, which has all that the profile asks for. Only for callers in this process.
	With *store.Profile `json:"-"`
}

// factoryDiscovery is how a client answers that has its Bootstrap-Server Account only.
const factoryDiscovery = "</>;lwm2m=1.1,</0/0>"

// A Preview is what a device would be sent now, in order.
type Preview struct {
	Profile    string             `json:"profile"`
	Format     lwm2m.Format       `json:"format"` // of Writes
	Operations []PreviewOperation `json:"operations"`

	// Assigned are the LwM2M Servers that it is assigned now, one for each account that has several.
	Assigned []Assignment `json:"assigned,omitempty"`

	// Notes are what is worth telling of it, such as keys that would be made for the session.
	Notes []string `json:"notes,omitempty"`
}

// An Assignment is the LwM2M Server that a device is assigned in an account.
type Assignment struct {
	Account string `json:"account"`
	Server  string `json:"server"`
	URI     string `json:"uri"` // as in the profile, or of the server
}

// assignedIn are the assignments in the profile of a device.
func assignedIn(p store.Profile) (out []Assignment) {
	for _, a := range p.Accounts {
		if a.Assigned != "" {
			out = append(out, Assignment{a.Name, a.Assigned, a.URI})
		}
	}
	return out
}

// A PreviewOperation is one of them. A refused Write may be followed by others: in another
// format, or in parts.
type PreviewOperation struct {
	Op     lwm2m.Op     `json:"op"`
	Path   lwm2m.Path   `json:"path,omitzero"`
	Format lwm2m.Format `json:"format,omitzero"`
	Bytes  int          `json:"bytes,omitempty"`  // of the payload
	Blocks int          `json:"blocks,omitempty"` // that it is sent in
}

// Preview implements [API].
func (l *Local) Preview(ctx context.Context, ep lwm2m.EndpointName, o PreviewOptions) (Preview, error) {
	d, p, err := l.previewed(ctx, ep, o.With)
	if err != nil {
		return Preview{}, err
	}
	ep = d.Endpoint
	p, err = profile.Assign(p, ep, l.serverNamed(ctx))
	if err != nil {
		return Preview{}, fmt.Errorf("device %q: %w: it would be given nothing: %w", ep, store.ErrInvalid, err)
	}
	given, failure := profile.Provide(p, d, arrivalOf(d), rand.Reader, l.Objects)
	if failure != nil {
		return Preview{}, fmt.Errorf("device %q: %w: it would be given nothing: %s", ep, store.ErrInvalid, failure.Detail)
	}
	found := o.Discovery
	if found == "" {
		found = factoryDiscovery
	}
	discovery := link.ParseDiscovery([]byte(found))
	if !plan.LocatesAccount(p, &discovery) {
		return Preview{}, fmt.Errorf("device %q: %w: the answer to Discover does not tell where the Bootstrap-Server Account is", ep, store.ErrInvalid)
	}
	planned, err := plan.Make(given.Profile, given.Device, given.Info, &discovery)
	if err != nil {
		return Preview{}, fmt.Errorf("device %q: %w: %w", ep, store.ErrInvalid, err)
	}
	out := Preview{Profile: p.Name, Notes: slices.Concat(given.Notes, planned.Quirks), Assigned: assignedIn(p)}
	if given.Edited {
		out.Notes = append(out.Notes, "keys that are still to be made are counted, and not made")
	}
	if p.Verify == grammar.VerifyRecord || p.Verify == grammar.VerifyFail {
		out.Notes = append(out.Notes, "before Finish the client is asked what it has, by Discover and by Read where that is possible (verify)")
	}
	return out, out.add(given, planned, o)
}

// previewed are the device and its profile; with is the profile, where it is not nil.
func (l *Local) previewed(ctx context.Context, ep lwm2m.EndpointName, with *store.Profile) (d store.Device, p store.Profile, err error) {
	if with != nil && ep == "" {
		d = profile.SampleDevice(*with, l.Objects)
		d.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: string(d.Endpoint), Key: lwm2m.NewSecret(make([]byte, 16))}}
		return d, *with, nil
	}
	if d, err = l.Store.Device(ctx, ep); err != nil {
		return d, p, err
	}
	if with != nil {
		d.Profile = with.Name
		return d, *with, nil
	}
	p, err = l.Store.Profile(ctx, d.Profile)
	return d, p, err
}

// arrivalOf is how the client of d comes with the first of its credentials.
func arrivalOf(d store.Device) profile.Arrival {
	if len(d.Credentials) == 0 {
		return profile.Arrival{}
	}
	if c := d.Credentials[0]; c.Kind == store.CredentialPSK {
		return profile.Arrival{Secure: true, Identity: c.Identity}
	}
	return profile.Arrival{Secure: true}
}

// add appends the operations of a plan, in the format that a session would write them in.
func (v *Preview) add(given *profile.Provision, planned plan.Plan, o PreviewOptions) error {
	first := plan.WriteFormat(given.Device, given.Profile, o.PreferredFormat)
	formats, why := plan.Encodable(planned.Operations, append([]lwm2m.Format{first}, plan.Fallbacks(given.Profile, first)...))
	if len(formats) == 0 {
		return fmt.Errorf("%w: %w", store.ErrInvalid, why)
	}
	if v.Format = formats[0]; v.Format != first {
		v.Notes = append(v.Notes, fmt.Sprintf("%v: written in %v", why, v.Format))
	}
	v.Operations = []PreviewOperation{{Op: lwm2m.OpDiscover}}
	for _, operation := range planned.Operations {
		if err := appendOperation(&v.Operations, operation, v.Format, given.Profile.Device); err != nil {
			return fmt.Errorf("%w: %w", store.ErrInvalid, err)
		}
	}
	v.Operations = append(v.Operations, PreviewOperation{Op: lwm2m.OpFinish})
	return nil
}

// appendOperation appends one operation, or its parts where it is more than the device holds.
func appendOperation(to *[]PreviewOperation, o plan.Operation, f lwm2m.Format, limits store.DeviceLimits) error {
	if o.Op != lwm2m.OpWrite {
		*to = append(*to, PreviewOperation{Op: o.Op, Path: o.Path})
		return nil
	}
	payload, err := content.Encode(f, o.Path, o.Objects)
	if err != nil {
		return err
	}
	if limits.MaxPayload > 0 && len(payload) > limits.MaxPayload {
		if parts := o.Parts(); len(parts) > 0 {
			for _, part := range parts {
				if err := appendOperation(to, part, f, limits); err != nil {
					return err
				}
			}
			return nil
		}
	}
	block := limits.Block()
	*to = append(*to, PreviewOperation{Op: o.Op, Path: o.Path, Format: f, Bytes: len(payload), Blocks: max(1, (len(payload)+block-1)/block)})
	return nil
}
