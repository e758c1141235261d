package app

import (
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// patience is the time that systemd may take for a message. A service manager that
// hangs must delay neither the work nor the shutdown for long.
const patience = 500 * time.Millisecond

var errNotTaken = fmt.Errorf("not taken within %v", patience)

// Supervisor reports the state of the program to systemd: see sd_notify(3). A nil
// Supervisor reports nothing.
type Supervisor struct {
	send     func(message string) error
	watchdog time.Duration // systemd kills the program after so long without a sign of life; 0: never
	log      *slog.Logger
	turn     chan struct{} // held while a message is being sent
	trouble  atomic.Bool
}

// newSupervisor returns nil unless systemd, or a manager with its protocol, has
// started the program and expects messages.
func newSupervisor(log *slog.Logger) *Supervisor {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("no watchdog messages will be sent: WATCHDOG_USEC or WATCHDOG_PID can't be read", "error", err)
	}
	return &Supervisor{
		send: func(message string) error {
			_, err := daemon.SdNotify(false, message)
			return err
		},
		watchdog: watchdog,
		log:      log,
		turn:     make(chan struct{}, 1),
	}
}

// ready reports that everything is open and the work begins.
func (s *Supervisor) ready() { s.tell(daemon.SdNotifyReady) }

// reloading reports that the configuration is being read again; ready ends that. The time
// is for units of Type=notify-reload.
func (s *Supervisor) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		s.tell(daemon.SdNotifyReloading)
		return
	}
	s.tell(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, time.Duration(now.Nano()).Microseconds()))
}

// stopping reports that the program is ending. That is a sign of life: the shutdown
// has its own bound.
func (s *Supervisor) stopping() { s.tell(daemon.SdNotifyStopping + "\n" + daemon.SdNotifyWatchdog) }

// alive reports that the work goes on, with its status.
func (s *Supervisor) alive(status string) {
	s.tell(daemon.SdNotifyWatchdog + "\nSTATUS=" + status)
}

// status reports the status, which is not a sign of life.
func (s *Supervisor) status(text string) { s.tell("STATUS=" + text) }

// interval returns d, shortened to a third of the watchdog's time-out.
func (s *Supervisor) interval(d time.Duration) time.Duration {
	if s == nil || s.watchdog == 0 {
		return d
	}
	return min(d, s.watchdog/3)
}

// statusInterval is the time between two status lines of haproxystats-pull, if
// systemd wants no signs of life.
const statusInterval = 10 * time.Second

// tell sends a message, or gives it up after patience.
func (s *Supervisor) tell(message string) {
	if s == nil {
		return
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case s.turn <- struct{}{}:
	case <-wait.C:
		return // the message before has not been taken yet
	}
	sent := make(chan error, 1)
	go func() {
		err := s.send(message)
		<-s.turn
		sent <- err
	}()
	var err error
	select {
	case err = <-sent:
	case <-wait.C:
		err = errNotTaken
	}
	if trouble := err != nil; s.trouble.Swap(trouble) != trouble && trouble {
		s.log.Warn("systemd does not take status messages", "error", err)
	}
}
