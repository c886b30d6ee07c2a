//! Lines and sections of an SDP text (RFC 8866), with bounds; what the lines mean is read elsewhere.

use super::OfferError;
use super::error::excerpt;

/// Browsers' largest offers have about 8 KiB.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// A browser's m-line has about 120 lines.
pub(super) const MAX_LINES: usize = 2000;
/// More m-lines than any publisher or player sends; each costs a section in the answer.
pub(super) const MAX_MEDIA: usize = 16;

/// An SDP text or a fragment of one, split but not interpreted.
#[derive(Debug, Default)]
pub(super) struct Sections<'a> {
    pub session: Vec<Attribute<'a>>,
    pub media: Vec<Section<'a>>,
}

/// An m-line and the attributes that follow it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub line: usize,
    /// What follows `m=`.
    pub media: &'a str,
    pub attributes: Vec<Attribute<'a>>,
}

/// One `a=name:value` line; the value is empty where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub line: usize,
    pub name: &'a str,
    pub value: &'a str,
}

impl Attribute<'_> {
    /// The error that this line has.
    pub fn error(&self, reason: &'static str) -> OfferError {
        line_error(self.line, &format!("a={}:{}", self.name, self.value), reason)
    }
}

/// Splits an offer: it must start with `v=0`. Lines may end with CRLF or LF.
pub(super) fn offer(text: &str) -> Result<Sections<'_>, OfferError> {
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ']);
    if text.len() <= MAX_BYTES && text.lines().next().map(str::trim_end) != Some("v=0") {
        return Err(OfferError::NotSdp);
    }
    split(text)
}

/// Splits a fragment of an SDP: it may be without session lines (RFC 8840, 9).
pub(super) fn fragment(text: &str) -> Result<Sections<'_>, OfferError> {
    split(text)
}

/// A token of RFC 8866, 9 (`mid`, `proto` and the like).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b))
}

pub(super) fn line_error(line: usize, text: &str, reason: &'static str) -> OfferError {
    OfferError::Line { line, text: excerpt(text), reason }
}

fn split(text: &str) -> Result<Sections<'_>, OfferError> {
    if text.len() > MAX_BYTES {
        return Err(OfferError::TooLarge(text.len()));
    }
    let mut sections = Sections::default();
    for (index, line) in text.lines().enumerate() {
        if index == MAX_LINES {
            return Err(OfferError::TooManyLines);
        }
        let number = index + 1;
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        // A carriage return inside a line is a line end to some parsers: nothing of it may reach an answer.
        if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(line_error(number, line, "has a control character"));
        }
        let Some((kind, value)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1) else {
            return Err(line_error(number, line, "is not of the form `x=value`"));
        };
        match kind {
            "m" if sections.media.len() == MAX_MEDIA => return Err(OfferError::TooManyMedia),
            "m" => sections.media.push(Section { line: number, media: value, attributes: Vec::new() }),
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                let attributes = match sections.media.last_mut() {
                    Some(section) => &mut section.attributes,
                    None => &mut sections.session,
                };
                attributes.push(Attribute { line: number, name, value: value.trim() });
            }
            _ => {}
        }
    }
    Ok(sections)
}
