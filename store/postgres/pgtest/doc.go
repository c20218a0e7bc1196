// Package pgtest starts PostgreSQL for tests.
package pgtest
