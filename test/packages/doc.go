// Package packages tests the result of `make packages`: the content of the packages,
// whether the same source gives the same bytes, and their installation, upgrade and
// removal.
package packages
