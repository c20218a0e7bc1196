package outcome

import (
	"context"
	"log/slog"

	"lwbs/store"
)

// The keys of log attributes.
const (
	LogEndpoint  = "endpoint"
	LogClaimed   = "claimed" // the endpoint name that was given, where it is another
	LogSession   = "session"
	LogRemote    = "remote"
	LogTransport = "transport"
	LogIdentity  = "identity"
	LogProof     = "proof"
	LogProfile   = "profile"
	LogStage     = "stage"
	LogCause     = "cause"
)

// Severity is the level at which the end of a session is logged: Warn is the peer's
// fault, Error that of this server or of those who configured it.
func Severity(c store.Cause) slog.Level {
	switch c {
	case store.CauseDone, store.CausePackDelivered, store.CauseIdle, store.CauseSuperseded, store.CauseWithdrawn, store.CauseRejected, store.CauseStopped:
		return slog.LevelInfo
	case store.CauseOtherProtocol, store.CauseUnreadableDatagram: // as the Internet sends to every port
		return slog.LevelInfo
	case store.CauseInternal, store.CauseUnreadable, store.CausePlanInvalid, store.CauseTemplateFailed:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// Log writes the one record of a session that ended, at level.
func Log(ctx context.Context, log *slog.Logger, level slog.Level, s store.Session) {
	message := "bootstrap done"
	switch {
	case s.Cause == store.CauseAssociationUnknown:
		message = "not of an association"
	case s.Stage == store.StageDatagram:
		message = "not for this port"
	case s.Cause.Failure():
		message = "bootstrap failed"
	case !s.Cause.Success():
		message = "bootstrap not asked for"
	}
	log.LogAttrs(ctx, level, message,
		slog.String(LogEndpoint, string(s.Endpoint)),
		slog.String(LogClaimed, string(s.Claimed)),
		slog.String(LogSession, s.ID),
		slog.String(LogRemote, s.Remote),
		slog.String(LogTransport, s.Transport),
		slog.String(LogIdentity, s.Identity),
		slog.String(LogProof, string(s.Proof)),
		slog.String(LogProfile, s.Profile),
		slog.String(LogStage, string(s.Stage)),
		slog.String(LogCause, string(s.Cause)),
		slog.String("detail", s.Detail),
		slog.Int("operations", len(s.Operations)),
		slog.Duration("took", s.Ended.Sub(s.Started)))
}
