// Package check has the rules that make Bootstrap Information consistent: those that the LwM2M
// Core specification states, and those that every client needs.
package check
