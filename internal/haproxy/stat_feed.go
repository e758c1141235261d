package haproxy

const (
	// feedSize is the first size of the buffer of a scanner that is fed, which has but the
	// row in which a piece ends.
	feedSize = 4 << 10
	// maxFed bounds it. A row is shorter, but for texts that nobody writes.
	maxFed = 1 << 20
)

// Begin begins another reply as [StatScanner.Reset] does, but one that is fed: its bytes
// come from whoever reads them. Until [StatScanner.Finish], the end of what was fed is
// not the end of the reply: [StatScanner.Next] returns false and goes on later.
func (s *StatScanner) Begin() {
	s.lines.reset(nil, feedSize)
	s.begin()
}

// Feed takes bytes of the reply, at least one, and returns the others. All rows must be
// read before the next call. The bytes must stay as they are until a call returns none.
func (s *StatScanner) Feed(p []byte) []byte { return s.lines.feed(p, maxFed) }

// Header reads the header from what was fed. It returns false if that does not suffice.
func (s *StatScanner) Header() (bool, error) { return s.readHeader() }

// Finish says that all bytes of the reply were fed. The rows that are left follow.
func (s *StatScanner) Finish() { s.lines.eof, s.lines.starved = true, false }
