// Package packages tests what `make packages` makes: what is in the packages, that
// the same source makes the same bytes, and what they do where they are
// installed, upgraded and removed.
package packages
