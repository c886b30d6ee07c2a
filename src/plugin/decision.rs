//! What plugins answer, checked: a grant, a refusal or no opinion, and who said it.

use super::hook::Hook;
use crate::media::turns_text;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What an allowed session gets. Options left none put no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    pub subject: Option<String>,
    /// The name to go on under; a valid stream name.
    pub stream_name: Option<String>,
    /// Ask again after this time; at least a second.
    pub ttl: Option<Duration>,
    /// Publish: ceiling of the ingest. Play: ceiling of what is sent.
    pub max_bitrate_kbps: Option<u32>,
    /// Publish: most viewers at once of this stream on this node.
    pub max_viewers: Option<u32>,
    pub tags: BTreeMap<String, String>,
}

/// A refusal in words for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// At most 200 bytes, no control characters.
    pub reason: String,
    pub retry_after: Option<Duration>,
}

/// What a plugin, or the whole chain, says. `Y` comes with a yes: a [`Grant`] of auth plugins, a [`super::Route`] of routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<Y = Grant> {
    Allow(Y),
    /// A router only says so by the failure policy of its manifest.
    Deny(Denial),
    /// No opinion.
    Abstain,
}

/// One plugin's part in a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub plugin: Arc<str>,
    pub hook: Hook,
    pub generation: u64,
    /// `allow`, `deny`, `route`, `abstain`; for a failure what its policy made of it: `open`, `closed`, `last-good`; or, while
    /// two generations are there, that the other one was asked: `passed-on`.
    pub outcome: &'static str,
    /// From the question to the answer, waiting included.
    pub took: Duration,
    /// Why it failed; for the operator only.
    pub error: Option<String>,
}

/// What the chain of plugins says, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided<Y = Grant> {
    /// `Abstain`: the static access rules decide; of routers: the session is served here, as it came.
    pub answer: Answer<Y>,
    /// In the order they were asked.
    pub steps: Vec<Step>,
}

/// Sessions that a plugin wants asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Session(String),
    Subject(String),
    Stream(String),
    Tag(String, String),
    Everything,
}

impl Selection {
    /// For the log.
    pub(super) fn words(&self) -> String {
        match self {
            Selection::Session(id) => format!("session {id}"),
            Selection::Subject(subject) => format!("the sessions of {subject}"),
            Selection::Stream(stream) => format!("the sessions of stream {stream}"),
            Selection::Tag(key, value) => format!("the sessions with {key} = {value}"),
            Selection::Everything => "all sessions".to_owned(),
        }
    }
}

/// Longest reason that a client is shown, in bytes.
const MAX_REASON: usize = 200;
/// Most bytes of a subject, tag key or tag value: they are kept for the life of a session.
const MAX_TEXT: usize = 1_024;
/// Most bytes of all tags of a session together.
const MAX_TAGS_TEXT: usize = 8_192;
/// Longest time that a client is told to wait.
const MAX_RETRY: Duration = Duration::from_secs(24 * 3_600);
/// Most tags of a session.
const MAX_TAGS: usize = 64;
/// Tags under this prefix are kept for limits yet to come.
const RESERVED: &str = "wasmcast.";
/// Shortest time to live.
const MIN_TTL: Duration = Duration::from_secs(1);

impl Denial {
    /// A refusal as a plugin gave it, with what is out of range set right.
    pub fn checked(status: u16, reason: &str, retry_after: Option<Duration>) -> Self {
        let status = if (400..600).contains(&status) { status } else { 403 };
        let clean: String = reason.chars().map(|c| if c.is_control() || turns_text(c) { ' ' } else { c }).collect();
        let retry_after = retry_after.map(|after| after.min(MAX_RETRY));
        Denial { status, reason: cut(clean.trim(), MAX_REASON).to_owned(), retry_after }
    }
}

impl Grant {
    /// A grant as a plugin gave it.
    ///
    /// # Errors
    /// In words for the plugin's author: names that are no names, reserved tags, too much text.
    pub fn checked(mut self) -> Result<Self, String> {
        self.ttl = self.ttl.map(|ttl| ttl.max(MIN_TTL));
        if let Some(name) = &self.stream_name
            && name.parse::<crate::media::StreamName>().is_err()
        {
            return Err(format!("grant.stream-name `{}` is no stream name", name.escape_debug()));
        }
        if let Some(subject) = self.subject.as_ref().filter(|subject| subject.len() > MAX_TEXT) {
            return Err(format!("grant.subject has {} bytes; at most {MAX_TEXT} are kept", subject.len()));
        }
        checked_tags("grant.tags", &self.tags)?;
        Ok(self)
    }
}

/// Holds the tags of an answer, which is named by `place`, to their bounds.
pub(super) fn checked_tags(place: &str, tags: &BTreeMap<String, String>) -> Result<(), String> {
    if tags.len() > MAX_TAGS {
        return Err(format!("{place} has {} entries, at most {MAX_TAGS} are kept", tags.len()));
    }
    if let Some(long) = tags.keys().chain(tags.values()).map(String::len).find(|length| *length > MAX_TEXT) {
        return Err(format!("{place}: a key or value of {long} bytes; at most {MAX_TEXT} are kept"));
    }
    let total: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if total > MAX_TAGS_TEXT {
        return Err(format!("{place} has {total} bytes; at most {MAX_TAGS_TEXT} are kept"));
    }
    match tags.keys().find(|key| key.starts_with(RESERVED)) {
        Some(key) => Err(format!(
            "{place}: `{}` is not known; keys starting with `{RESERVED}` are kept for limits",
            key.escape_debug()
        )),
        None => Ok(()),
    }
}

/// At most this many bytes of a text, whole characters only.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_set_right() {
        let rows = [
            ((401, "no", None), (401, "no")),
            ((200, "no", None), (403, "no")),
            ((600, " a\r\nb ", None), (403, "a  b")),
            ((403, "a\u{202e}b\u{2028}c", None), (403, "a b c")),
        ];
        for ((status, reason, retry), expected) in rows {
            let denial = Denial::checked(status, reason, retry);
            assert_eq!((denial.status, denial.reason.as_str()), expected);
        }
        assert_eq!(Denial::checked(403, &"é".repeat(200), None).reason.len(), 200);
    }

    #[test]
    fn grants_are_bounded() {
        let tags = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let rows = [
            (Grant { stream_name: Some("a/b".into()), ..Grant::default() }, None),
            (Grant { stream_name: Some("a b".into()), ..Grant::default() }, Some("no stream name")),
            (Grant { tags: tags("plan", "free"), ..Grant::default() }, None),
            (Grant { tags: tags("wasmcast.x", "1"), ..Grant::default() }, Some("kept for limits")),
            (Grant { tags: tags("k", &"x".repeat(2_000)), ..Grant::default() }, Some("2000 bytes")),
            (
                Grant { tags: (0..9).map(|n| (n.to_string(), "x".repeat(1_000))).collect(), ..Grant::default() },
                Some("9009 bytes"),
            ),
            (Grant { tags: (0..65).map(|n| (n.to_string(), String::new())).collect(), ..Grant::default() }, Some("65")),
        ];
        for (grant, expected) in rows {
            match (grant.clone().checked(), expected) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (other, _) => panic!("{grant:?}: {other:?}"),
            }
        }
        let short = Grant { ttl: Some(Duration::from_millis(3)), ..Grant::default() };
        assert_eq!(short.checked().unwrap().ttl, Some(Duration::from_secs(1)));
    }
}
