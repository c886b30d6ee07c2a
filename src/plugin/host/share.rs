//! What the host keeps for a plugin by its name, over all of its instances and generations.

use super::journal::{Journal, Line};
use super::log::{self, Grade};
use super::rate::Rate;
use super::{notify, trace};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// HTTP requests that one plugin may have under way: each holds a socket and up to a body.
/// As many as a pool may have instances, each in one at a time.
pub(super) const REQUESTS: usize = 1_000;

/// Rates, the journal, and requests under way.
#[derive(Debug)]
pub(super) struct Share {
    name: Arc<str>,
    journal: Mutex<Journal>,
    lines: Mutex<Rate>,
    traces: Mutex<Rate>,
    notes: Mutex<Rate>,
    requests: Arc<Semaphore>,
}

impl Share {
    pub(super) fn new(name: Arc<str>) -> Self {
        Share {
            name,
            journal: Mutex::default(),
            lines: Mutex::new(Rate::new(log::RATE)),
            traces: Mutex::new(Rate::new(trace::RATE)),
            notes: Mutex::new(Rate::new(notify::RATE)),
            requests: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn admit_line(&self, now: Duration) -> bool {
        admit(&self.lines, now)
    }

    pub(super) fn admit_trace(&self, now: Duration) -> bool {
        admit(&self.traces, now)
    }

    pub(super) fn admit_note(&self, now: Duration) -> bool {
        admit(&self.notes, now)
    }

    /// The right to one HTTP request; none when too many are under way.
    pub(super) fn admit_request(&self) -> Option<OwnedSemaphorePermit> {
        self.requests.clone().try_acquire_owned().ok()
    }

    /// Writes a line into the journal and the server's log.
    pub(super) fn write(&self, grade: Grade, line: Line) {
        log::emit(&self.name, grade, &line);
        self.journal.lock().expect("no holder of this lock panics").push(line);
    }

    /// A line of the host about this plugin.
    pub(super) fn tell(&self, grade: Grade, generation: u64, message: String, unix_ns: u64) {
        let line = Line {
            number: 0,
            unix_ms: unix_ns / 1_000_000,
            level: grade.name(),
            generation,
            hook: "",
            session: None,
            trace: None,
            message,
            fields: Vec::new(),
        };
        self.write(grade, line);
    }

    /// Tells how much was dropped, once a second at most.
    pub(super) fn report_dropped(&self, now: Duration, unix_ns: u64) {
        let rates = [
            (&self.lines, log::RATE, "log entries"),
            (&self.traces, trace::RATE, "annotations and spans"),
            (&self.notes, notify::RATE, "events"),
        ];
        for (rate, a_second, what) in rates {
            let dropped = rate.lock().expect("no holder of this lock panics").report(now);
            if let Some(dropped) = dropped {
                let message = format!("{dropped} {what} dropped: a plugin may write {a_second} a second");
                self.tell(Grade::Warn, 0, message, unix_ns);
            }
        }
    }

    /// Log entries, annotations, and events that were ever dropped.
    pub(super) fn dropped(&self) -> [(&'static str, u64); 3] {
        let total = |rate: &Mutex<Rate>| rate.lock().expect("no holder of this lock panics").total();
        [("log", total(&self.lines)), ("trace", total(&self.traces)), ("notify", total(&self.notes))]
    }

    /// The journal's lines after the one of this number.
    pub(super) fn lines_after(&self, number: u64) -> Vec<Line> {
        self.journal.lock().expect("no holder of this lock panics").after(number)
    }
}

fn admit(rate: &Mutex<Rate>, now: Duration) -> bool {
    rate.lock().expect("no holder of this lock panics").admit(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_told_and_counted() {
        let share = Share::new("geo".into());
        let now = Duration::from_secs(1);
        let admitted = (0..1_000).filter(|_| share.admit_line(now)).count();
        assert_eq!(admitted, log::RATE as usize);
        for seconds in [1, 1, 2] {
            share.report_dropped(Duration::from_secs(seconds), 5_000_000);
        }
        let lines = share.lines_after(0);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0].message, "900 log entries dropped: a plugin may write 100 a second");
        assert_eq!((lines[0].unix_ms, lines[0].level), (5, "warn"));
        assert_eq!(share.dropped(), [("log", 900), ("trace", 0), ("notify", 0)]);
    }

    #[test]
    fn requests_under_way_are_bounded() {
        let share = Share::new("geo".into());
        let mut under_way: Vec<_> = (0..REQUESTS).map(|_| share.admit_request().unwrap()).collect();
        assert!(share.admit_request().is_none());
        under_way.pop();
        assert!(share.admit_request().is_some());
    }
}
