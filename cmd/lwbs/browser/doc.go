// Package browser tests the pages in Chromium, over a server to which simulated devices come. Its tests are built
// with the tag browser: make browser.
package browser
