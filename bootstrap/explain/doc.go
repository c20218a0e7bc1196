// Package explain puts the records of attempts into the words of a field engineer: how far
// the attempt came, what stopped it, and what to do.
//
// An [Explanation] follows from the record, and from the [Facts]: the device record, its
// profile and its neighbours as they are now. It claims no more than these show: what it
// cannot know it calls likely, and a remedy that it names can be carried out. Each cause of
// package store has an explanation; a test holds the two together.
//
// The package is pure: it reads no store. Package bootstrap/admin looks the facts up and
// lwbs why prints the answer.
package explain
