// Package why gathers what is known of a device that is not bootstrapped, or of all of them: its
// attempts, what runs now, and what the records say of that today. Package bootstrap/explain puts
// each attempt into words.
package why
