package bootstrap

import (
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
)

// The names under which package bootstrap/coap knows what moved to packages below this one.
type (
	Peer             = auth.Peer
	Handshake        = auth.Handshake
	CertificateError = auth.CertificateError
	ShownError       = auth.ShownError
)

// The same, of errors.
var (
	ErrPanicked = outcome.ErrPanicked
	ErrBusy     = outcome.ErrBusy

	ErrNoCommonSuite     = auth.ErrNoCommonSuite
	ErrNoCommonSignature = auth.ErrNoCommonSignature
	ErrNoCommonCurve     = auth.ErrNoCommonCurve
	ErrCertificateKind   = auth.ErrCertificateKind
	ErrCertificateProof  = auth.ErrCertificateProof
	ErrKeyDiffers        = auth.ErrKeyDiffers
	ErrKeyUnknown        = auth.ErrKeyUnknown
	ErrKeyChanged        = auth.ErrKeyChanged
	ErrServerRefused     = auth.ErrServerRefused
)
