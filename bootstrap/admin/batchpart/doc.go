// Package batchpart divides the rows of a batch into parts that are put as one edit each, several at a
// time, and whose results come in the order of the rows.
package batchpart
