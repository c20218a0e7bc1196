// Package check has the rules that make Bootstrap Information consistent: those that the LwM2M
// Core specification states, and those without which no client could use it.
package check
