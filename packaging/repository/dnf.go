package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sassoftware/go-rpmutils"
)

// The documents of repodata, as createrepo_c writes them: the list of packages, of their
// files and of their changes, and the list of these lists.
type primary struct {
	XMLName  xml.Name  `xml:"metadata"`
	NS       string    `xml:"xmlns,attr"`
	RPM      string    `xml:"xmlns:rpm,attr"`
	Count    int       `xml:"packages,attr"`
	Packages []listing `xml:"package"`
}

type listing struct {
	Type        string   `xml:"type,attr"`
	Name        string   `xml:"name"`
	Arch        string   `xml:"arch"`
	Version     version  `xml:"version"`
	Checksum    checksum `xml:"checksum"`
	Summary     string   `xml:"summary"`
	Description string   `xml:"description"`
	Packager    string   `xml:"packager"`
	URL         string   `xml:"url"`
	Time        struct {
		File  int64 `xml:"file,attr"`
		Build int64 `xml:"build,attr"`
	} `xml:"time"`
	Size struct {
		Package   int64 `xml:"package,attr"`
		Installed int64 `xml:"installed,attr"`
		Archive   int64 `xml:"archive,attr"`
	} `xml:"size"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Format format `xml:"format"`
}

type version struct {
	Epoch   string `xml:"epoch,attr"`
	Version string `xml:"ver,attr"`
	Release string `xml:"rel,attr"`
}

type checksum struct {
	Type  string `xml:"type,attr"`
	PkgID string `xml:"pkgid,attr,omitempty"`
	Sum   string `xml:",chardata"`
}

type format struct {
	Licence   string `xml:"rpm:license"`
	Vendor    string `xml:"rpm:vendor"`
	Group     string `xml:"rpm:group"`
	BuildHost string `xml:"rpm:buildhost"`
	Source    string `xml:"rpm:sourcerpm"`
	Range     struct {
		Start int `xml:"start,attr"`
		End   int `xml:"end,attr"`
	} `xml:"rpm:header-range"`
	Provides *entries `xml:"rpm:provides"`
	Requires *entries `xml:"rpm:requires"`
	Files    []path   `xml:"file"`
}

type entries struct {
	Entries []entry `xml:"rpm:entry"`
}

type entry struct {
	Name    string `xml:"name,attr"`
	Flags   string `xml:"flags,attr,omitempty"`
	Epoch   string `xml:"epoch,attr,omitempty"`
	Version string `xml:"ver,attr,omitempty"`
	Release string `xml:"rel,attr,omitempty"`
}

type path struct {
	Type string `xml:"type,attr,omitempty"`
	Name string `xml:",chardata"`
}

// others is the list of files or of changes.
type others struct {
	XMLName  xml.Name
	NS       string  `xml:"xmlns,attr"`
	Count    int     `xml:"packages,attr"`
	Packages []other `xml:"package"`
}

type other struct {
	ID      string  `xml:"pkgid,attr"`
	Name    string  `xml:"name,attr"`
	Arch    string  `xml:"arch,attr"`
	Version version `xml:"version"`
	Files   []path  `xml:"file"`
}

type repomd struct {
	XMLName  xml.Name `xml:"repomd"`
	NS       string   `xml:"xmlns,attr"`
	Revision int64    `xml:"revision"`
	Data     []data   `xml:"data"`
}

type data struct {
	Type     string   `xml:"type,attr"`
	Checksum checksum `xml:"checksum"`
	Open     checksum `xml:"open-checksum"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Timestamp int64 `xml:"timestamp"`
	Size      int   `xml:"size"`
	OpenSize  int   `xml:"open-size"`
}

const schemas = "http://linux.duke.edu/metadata/"

// writeDnf writes repodata.
func writeDnf(dir string, rpms []file, date time.Time, key *signer) error {
	packages := primary{NS: schemas + "common", RPM: schemas + "rpm", Count: len(rpms)}
	files := others{XMLName: xml.Name{Local: "filelists"}, NS: schemas + "filelists", Count: len(rpms)}
	changes := others{XMLName: xml.Name{Local: "otherdata"}, NS: schemas + "other", Count: len(rpms)}
	for _, f := range rpms {
		p, all, err := listingOf(dir, f, date)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		packages.Packages = append(packages.Packages, p)
		o := other{ID: f.sum, Name: p.Name, Arch: p.Arch, Version: p.Version}
		changes.Packages = append(changes.Packages, o)
		o.Files = all
		files.Packages = append(files.Packages, o)
	}
	if err := os.RemoveAll(filepath.Join(dir, "repodata")); err != nil {
		return err
	}
	list := repomd{NS: schemas + "repo", Revision: date.Unix()}
	for _, d := range []struct {
		name    string
		content any
	}{{"primary", packages}, {"filelists", files}, {"other", changes}} {
		text, err := document(d.content)
		if err != nil {
			return err
		}
		zipped := zip(text)
		// The sum in the name keeps caches from mixing two versions of a repository.
		name := "repodata/" + sum(zipped) + "-" + d.name + ".xml.gz"
		if err := write(dir, name, zipped); err != nil {
			return err
		}
		entry := data{
			Type: d.name, Checksum: checksum{Type: "sha256", Sum: sum(zipped)}, Open: checksum{Type: "sha256", Sum: sum(text)},
			Timestamp: date.Unix(), Size: len(zipped), OpenSize: len(text),
		}
		entry.Location.Href = name
		list.Data = append(list.Data, entry)
	}
	text, err := document(list)
	if err != nil {
		return err
	}
	if err := write(dir, "repodata/repomd.xml", text); err != nil {
		return err
	}
	return writeSigned(dir, text, key, "repodata/repomd.xml.asc", "")
}

func document(content any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	err := e.Encode(content)
	b.WriteByte('\n')
	return b.Bytes(), err
}

// inPrimary are the files that the list of packages has, because other packages may require
// them by their names.
var inPrimary = regexp.MustCompile(`^/etc/|bin/|^/usr/lib/sendmail$`)

// listingOf returns what the list of packages has of a package, and all its files.
func listingOf(dir string, f file, date time.Time) (p listing, files []path, err error) {
	in, err := os.Open(filepath.Join(dir, f.name))
	if err != nil {
		return p, nil, err
	}
	defer in.Close()
	h, err := rpmutils.ReadHeader(in)
	if err != nil {
		return p, nil, err
	}
	nevra, err := h.GetNEVRA()
	if err != nil {
		return p, nil, err
	}
	text := func(tag int) string {
		all, err := h.GetStrings(tag) // what is not there is empty
		if err != nil || len(all) == 0 {
			return ""
		}
		return all[0]
	}
	p = listing{
		Type: "rpm", Name: nevra.Name, Arch: nevra.Arch, Version: version{epochOf(nevra.Epoch), nevra.Version, nevra.Release},
		Checksum: checksum{"sha256", "YES", f.sum},
		Summary:  text(rpmutils.SUMMARY), Description: text(rpmutils.DESCRIPTION), Packager: text(rpmutils.PACKAGER), URL: text(rpmutils.URL),
	}
	p.Time.File = date.Unix()
	if built, err := h.GetInt(rpmutils.BUILDTIME); err == nil {
		p.Time.Build = int64(built)
	}
	p.Size.Package = f.size
	if p.Size.Installed, err = h.InstalledSize(); err != nil {
		return p, nil, err
	}
	if p.Size.Archive, err = h.PayloadSize(); err != nil {
		return p, nil, err
	}
	p.Location.Href = f.name
	headers := h.GetRange()
	p.Format = format{
		Licence: text(rpmutils.LICENSE), Vendor: text(rpmutils.VENDOR), Group: text(rpmutils.GROUP),
		BuildHost: text(rpmutils.BUILDHOST), Source: text(rpmutils.SOURCERPM),
		Provides: entriesOf(h, rpmutils.PROVIDENAME, rpmutils.PROVIDEFLAGS, rpmutils.PROVIDEVERSION),
		Requires: entriesOf(h, rpmutils.REQUIRENAME, rpmutils.REQUIREFLAGS, rpmutils.REQUIREVERSION),
	}
	p.Format.Range.Start, p.Format.Range.End = headers.Start, headers.End
	infos, err := h.GetFiles()
	if err != nil {
		return p, nil, err
	}
	for _, info := range infos {
		listed := path{Name: info.Name()}
		if info.Mode()&0o170000 == 0o040000 {
			listed.Type = "dir"
		}
		files = append(files, listed)
		if inPrimary.MatchString(listed.Name) {
			p.Format.Files = append(p.Format.Files, listed)
		}
	}
	return p, files, nil
}

func epochOf(epoch string) string {
	if epoch == "" {
		return "0"
	}
	return epoch
}

// comparisons are the names of flags 2, 4 and 8 together: less, greater and equal.
var comparisons = map[int]string{2: "LT", 4: "GT", 8: "EQ", 10: "LE", 12: "GE"}

// entriesOf returns a list of what a package provides or requires; nil for nothing.
func entriesOf(h *rpmutils.RpmHeader, names, flags, versions int) *entries {
	all, err := h.GetStrings(names)
	if err != nil {
		return nil
	}
	how, _ := h.GetInts(flags)
	which, _ := h.GetStrings(versions)
	list := new(entries)
	for n, name := range all {
		if strings.HasPrefix(name, "rpmlib(") {
			continue // what rpm itself must be able to do
		}
		e := entry{Name: name}
		if n < len(how) && n < len(which) && comparisons[how[n]&14] != "" {
			e.Flags = comparisons[how[n]&14]
			epoch, rest, found := strings.Cut(which[n], ":")
			if !found {
				epoch, rest = "0", which[n]
			}
			e.Epoch = epoch
			e.Version, e.Release, _ = strings.Cut(rest, "-")
		}
		list.Entries = append(list.Entries, e)
	}
	if len(list.Entries) == 0 {
		return nil
	}
	return list
}
