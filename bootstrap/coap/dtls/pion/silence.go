package pion

import (
	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// Silence keeps pion from logging to the standard error output: what there is to tell
// comes back as an error. A logger of pion's own that says nothing takes half a KiB for
// each association.
func Silence() dtls.Option { return dtls.WithLoggerFactory(silent{}) }

// A silent is a logger that says nothing, and makes others such.
type silent struct{}

// NewLogger implements [logging.LoggerFactory].
func (silent) NewLogger(string) logging.LeveledLogger { return silent{} }

// The methods of [logging.LeveledLogger].

func (silent) Trace(string)          {}
func (silent) Tracef(string, ...any) {}
func (silent) Debug(string)          {}
func (silent) Debugf(string, ...any) {}
func (silent) Info(string)           {}
func (silent) Infof(string, ...any)  {}
func (silent) Warn(string)           {}
func (silent) Warnf(string, ...any)  {}
func (silent) Error(string)          {}
func (silent) Errorf(string, ...any) {}
