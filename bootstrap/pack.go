package bootstrap

import (
	"context"
	"log/slog"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/request"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
	"lwbs/store/grammar"
)

// servePack answers a Bootstrap-Pack-Request with everything that the client is given.
// Where the profile does not allow that, it answers with the code after which every client goes
// on to POST /bs; no record is kept of that.
func (srv *Server) servePack(ctx context.Context, conn Conn, r Request, u UnknownDevices) (Response, func(context.Context)) {
	record := srv.attempts.Begin(conn.Peer(), time.Now())
	req, refused := request.ParsePack(r.Queries, r.Accept)
	record.Format = req.Format
	if refused != nil {
		return srv.refuseUnread(ctx, conn.Peer(), req.Endpoint, record, refused), nil
	}
	d, refused := srv.identify(ctx, conn.Peer(), req.Endpoint, &record)
	if refused != nil {
		if srv.waiterOf(ctx, conn.Peer(), req.Endpoint, record, refused, u) != nil { // it waits once it sends POST /bs
			return Response{Code: lwm2m.CodeNotImplemented}, nil
		}
		return srv.refuseFor(ctx, record, refused, u), nil
	}
	look := lookingUp(ctx)
	defer look.end()
	if p, f := srv.provider.Profile(look, d); f == nil {
		if why := unpackable(p, req, conn.Peer()); why != "" {
			srv.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "bootstrap pack declined",
				slog.String(outcome.LogEndpoint, string(d.Endpoint)), slog.String(outcome.LogRemote, record.Remote), slog.String("detail", why))
			return Response{Code: lwm2m.CodeNotImplemented}, nil
		}
		if len(srv.rateLimits(look, p)) > 0 { // it waits for its turn once it sends POST /bs
			return Response{Code: lwm2m.CodeNotImplemented}, nil
		}
	}
	s, sctx, refused := srv.startSession(ctx, conn, d, record)
	if refused != nil {
		return srv.refuse(ctx, record, refused), nil
	}
	return s.servePack(sctx, req)
}

// unpackable says why no pack may be made of p for this request of a peer; empty where it
// may. Over plain CoAP nothing proves that the peer is where the answer goes: a forged
// request would have what is configured sent to another peer (RFC 7252 §11.3).
func unpackable(p store.Profile, req request.Pack, peer auth.Peer) string {
	switch {
	case p.Pack != grammar.PackAllow:
		return "the profile does not allow it"
	case !peer.Secure():
		return "the client came over plain CoAP, where its address may be forged"
	case req.Own == nil && p.DiscoverFailed == grammar.DiscoverFail:
		return "the client did not tell which Security Object Instance its Bootstrap-Server Account is, and the profile does not permit to assume one"
	}
	return plan.UnfitForPack(p)
}

// servePack is the whole of a session that gives a pack. The association stays with the
// client, which fetches the rest of a long answer, or goes on to POST /bs.
func (s *session) servePack(ctx context.Context, req request.Pack) (Response, func(context.Context)) {
	resp, f := s.performPack(ctx, req)
	if f != nil {
		s.endPack(ctx, f)
		return answerTo(outcome.OwnFault(*f)), nil
	}
	return resp, func(context.Context) { s.endPack(ctx, nil) }
}

// performPack makes the pack. A panic ends the session like any other failure.
func (s *session) performPack(ctx context.Context, req request.Pack) (resp Response, f *outcome.Failure) {
	defer s.srv.cfg.Panics.Contain(panics.Session, func() { f = outcome.Panicked() })
	s.await()
	s.srv.history.Began(s.snapshot())
	s.observe(EventStarted)
	s.setStage(store.StagePack)
	return s.pack(ctx, req)
}

// pack puts together what the client is given. New keys in it are kept before.
func (s *session) pack(ctx context.Context, req request.Pack) (Response, *outcome.Failure) {
	began := time.Now()
	given, f := s.srv.provider.Keep(ctx, s.endpoint, s.conn.Peer(), s.given)
	if f == nil {
		f = interruption(ctx, " while the pack was put together")
	}
	if f != nil {
		return Response{}, f
	}
	s.adopt(given, req.Format)
	p, err := plan.MakePack(given.Profile, given.Device, given.Info, req.Own)
	if err != nil {
		return Response{}, outcome.Failed(store.CausePlanInvalid, "%v", err)
	}
	objects := p.Content
	s.addQuirks(p.Quirks...)
	payload, err := content.Encode(req.Format, lwm2m.Root, objects)
	if err != nil {
		return Response{}, outcome.Failed(store.CausePlanInvalid, "%v", err)
	}
	s.update(func(r *store.Session) {
		r.Operations = append(r.Operations, store.Operation{
			Op: lwm2m.OpPack, Path: lwm2m.Root, Format: req.Format, Bytes: len(payload), Code: lwm2m.CodeContent, Took: time.Since(began),
		})
	})
	for _, w := range p.Given { // the client never says whether it used the pack
		w.Unconfirmed = true
		s.changes.Written = append(s.changes.Written, w)
	}
	s.observe(EventOperation)
	return Response{Code: lwm2m.CodeContent, ContentFormat: req.Format, Payload: payload, Permitted: s.packPermitted}, nil
}

// packPermitted reports whether the client may have the rest of its pack, which it fetches block by
// block: see permitted.
func (s *session) packPermitted() bool {
	f := s.permitted(context.Background())
	if f != nil {
		s.srv.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "the rest of a pack is withheld",
			slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.String(outcome.LogCause, string(f.Cause)), slog.String("detail", f.Detail))
	}
	return f == nil
}

func (s *session) endPack(ctx context.Context, f *outcome.Failure) {
	defer s.srv.cfg.Panics.Contain(panics.Session)
	defer s.srv.sessions.remove(s)
	defer s.cancel(nil)
	recorded := s.settle(ctx, store.CausePackDelivered, f)
	s.yield()
	s.conclude(ctx, recorded)
}
