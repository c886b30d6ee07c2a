//! Turns what the formatter wrote for an event into exactly one line.

use super::queue::Queue;
use std::io;
use std::sync::Arc;
use tracing_subscriber::fmt::MakeWriter;

/// Makes the formatter write into the queue.
#[derive(Debug)]
pub(super) struct Lines {
    queue: Arc<Queue>,
    colours: bool,
}

/// Takes one event. The formatter hands over an event in one piece.
#[derive(Debug)]
pub(super) struct Line<'a> {
    queue: &'a Queue,
    colours: bool,
}

impl Lines {
    pub(super) fn new(queue: Arc<Queue>, colours: bool) -> Self {
        Lines { queue, colours }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { queue: &self.queue, colours: self.colours }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.queue.push(one_line(event, self.colours));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Longer events are cut: a peer's text must not fill the disk.
const MAX_LINE: usize = 16 * 1024;

/// Ends the event with the only line break in it and escapes control characters: field values can come from a peer.
/// Where colours are on, sequences that set a colour stay, since the formatter's own can not be told from a peer's.
fn one_line(event: &[u8], colours: bool) -> Vec<u8> {
    let event = event.strip_suffix(b"\n").unwrap_or(event);
    let mut line = Vec::with_capacity(event.len() + 8);
    let mut rest = event;
    while let Some((&byte, after)) = rest.split_first() {
        if line.len() >= MAX_LINE {
            line.extend_from_slice(b" [cut]");
            break;
        }
        let length = if colours { colour_length(rest) } else { 0 };
        if length > 0 {
            line.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        // C1 controls are two bytes in UTF-8: c2 80 to c2 9f.
        let is_c1 = byte == 0xc2 && after.first().is_some_and(|next| (0x80..=0x9f).contains(next));
        let mark = mark_length(rest);
        let length = if is_c1 { 2 } else { mark.max(1) };
        if is_c1 || mark > 0 || (byte.is_ascii_control() && byte != b'\t') {
            line.extend(rest[..length].escape_ascii());
        } else {
            line.push(byte);
        }
        rest = &rest[length..];
    }
    line.push(b'\n');
    line
}

/// The length of the mark in UTF-8 that the text begins with and that breaks a line or turns the direction of reading; 0 where
/// there is none.
fn mark_length(text: &[u8]) -> usize {
    match text {
        [0xe2, 0x80, 0x8e | 0x8f | 0xa8..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        [0xd8, 0x9c, ..] => 2,
        _ => 0,
    }
}

/// The length of the colour sequence (`ESC [ 0-9 ; m`) that the text begins with; 0 where it is none.
fn colour_length(text: &[u8]) -> usize {
    let Some(parameters) = text.strip_prefix(b"\x1b[") else { return 0 };
    let digits = parameters.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
    if parameters.get(digits) == Some(&b'm') { digits + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_single_bounded_lines() {
        let rows: [(&[u8], bool, &[u8]); 10] = [
            (b"a\tb\n", false, b"a\tb\n"),
            (b"a\nb\r\nc\n", false, b"a\\nb\\r\\nc\n"),
            (b"", false, b"\n"),
            (b"\x1b[31mred\x1b[0m", true, b"\x1b[31mred\x1b[0m\n"),
            (b"\x1b[31mred", false, b"\\x1b[31mred\n"),
            (b"\x1b[2J\x1b]0;title\x07", true, b"\\x1b[2J\\x1b]0;title\\x07\n"),
            (b"\xc2\x9b2J \xc3\xa4", true, b"\\xc2\\x9b2J \xc3\xa4\n"),
            ("a\u{202e}b".as_bytes(), true, b"a\\xe2\\x80\\xaeb\n"),
            ("a\u{2067}\u{feff}€".as_bytes(), false, b"a\\xe2\\x81\\xa7\\xef\\xbb\\xbf\xe2\x82\xac\n"),
            (b"\x1b[", true, b"\\x1b[\n"),
        ];
        for (event, colours, expected) in rows {
            assert_eq!(one_line(event, colours), expected, "{}", event.escape_ascii());
        }
        let long = one_line(&[b'x'; 100_000], false);
        assert!(long.len() <= MAX_LINE + 8 && long.ends_with(b" [cut]\n"));
    }
}
