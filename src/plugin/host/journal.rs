//! The last log lines of a plugin, for those who follow it.

use std::collections::VecDeque;

/// Most lines kept: a page of history for somebody who comes to look.
const MAX_LINES: usize = 200;
/// Most text kept, in bytes; the oldest lines go first.
const MAX_BYTES: usize = 256 << 10;

/// One line of a plugin's log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Counts up by one with each line of the plugin.
    pub number: u64,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub level: &'static str,
    pub generation: u64,
    /// `auth/check`, ...; empty for what the host itself says.
    pub hook: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// W3C trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// A ring of lines.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lines: VecDeque<Line>,
    bytes: usize,
    written: u64,
}

impl Journal {
    /// Adds a line under the next number.
    pub(super) fn push(&mut self, mut line: Line) {
        self.written += 1;
        line.number = self.written;
        self.bytes += size(&line);
        self.lines.push_back(line);
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= size(&oldest);
        }
    }

    /// The lines after the one of this number, oldest first; 0 gives all.
    pub(super) fn after(&self, number: u64) -> Vec<Line> {
        self.lines.iter().filter(|line| line.number > number).cloned().collect()
    }
}

fn size(line: &Line) -> usize {
    let fields: usize = line.fields.iter().map(|(key, value)| key.len() + value.len()).sum();
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    size_of::<Line>() + line.message.len() + optional(&line.session) + optional(&line.trace) + fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: String) -> Line {
        Line {
            number: 0,
            unix_ms: 0,
            level: "info",
            generation: 1,
            hook: "auth/check",
            session: None,
            trace: None,
            message,
            fields: Vec::new(),
        }
    }

    #[test]
    fn the_newest_lines_are_kept_and_numbered() {
        let mut journal = Journal::default();
        assert_eq!(journal.after(0), []);
        for number in 1..=500 {
            journal.push(line(number.to_string()));
        }
        let all = journal.after(0);
        assert_eq!((all.len(), all[0].number, all[0].message.as_str()), (MAX_LINES, 301, "301"));
        let numbers: Vec<_> = journal.after(498).iter().map(|line| line.number).collect();
        assert_eq!(numbers, [499, 500]);
        assert_eq!(journal.after(500), []);
    }

    #[test]
    fn long_lines_are_kept_within_bounds() {
        let mut journal = Journal::default();
        for _ in 0..100 {
            journal.push(line("x".repeat(20 << 10)));
        }
        assert!((10..13).contains(&journal.after(0).len()));
        journal.push(line("x".repeat(MAX_BYTES)));
        assert_eq!((journal.after(0).len(), journal.bytes), (0, 0));
    }
}
