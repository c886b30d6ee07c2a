//! The hook `auth`: what a plugin may answer, and whom it may have asked again.

use crate::__private::{check, revoke};
use crate::bindings::host;
use crate::units::{Bitrate, whole_milliseconds};
use crate::{Error, Result};
use std::time::Duration;

/// The answer to a session that wants in: [`allow`], [`deny`] or [`abstain`].
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// let premium = allow().subject("alice").ttl(minutes(10)).max_bitrate(mbps(8)).tag("plan", "premium");
/// let stranger = deny(401, "This link is not valid.");
/// let busy = deny(429, "All seats are taken.").retry_after(seconds(30));
/// assert!(premium.is_allow() && stranger.is_deny() && busy.is_deny());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an answer counts only when the hook returns it"]
pub struct Decision(Answer);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Allow(Grant),
    Deny { status: u16, reason: String, retry_after: Option<Duration> },
    Abstain,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Grant {
    subject: Option<String>,
    stream_name: Option<String>,
    ttl: Option<Duration>,
    max_bitrate: Option<Bitrate>,
    max_viewers: Option<u32>,
    tags: Vec<(String, String)>,
}

/// Let it in. No further auth plugin is asked. What is granted is added by the methods of [`Decision`].
pub fn allow() -> Decision {
    Decision(Answer::Allow(Grant::default()))
}

/// Refuse. `status` is an HTTP status from 400 to 599. `reason` is read by the viewer or publisher: at most 200 bytes, no
/// secrets, no internals.
pub fn deny(status: u16, reason: impl Into<String>) -> Decision {
    Decision(Answer::Deny { status, reason: reason.into(), retry_after: None })
}

/// No opinion: the next auth plugin is asked, and after the last one the static access rules.
pub fn abstain() -> Decision {
    Decision(Answer::Abstain)
}

/// What is granted. These change an [`allow`]; on another answer they do nothing.
impl Decision {
    /// The same as [`abstain`].
    pub fn abstain() -> Self {
        abstain()
    }

    /// Who it is. Shown in logs and API, and the key of rules per subject.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.granting(|grant| grant.subject = Some(subject.into()))
    }

    /// Go on under this stream name: turns a secret stream key into the public name. Fixed by a session's first answer.
    pub fn stream_name(self, name: impl Into<String>) -> Self {
        self.granting(|grant| grant.stream_name = Some(name.into()))
    }

    /// Ask again after this time, at least 1 s. Without it nobody asks again, save by [`revoke`](macro@crate::revoke).
    pub fn ttl(self, ttl: Duration) -> Self {
        self.granting(|grant| grant.ttl = Some(ttl))
    }

    /// Publish: ceiling of the ingest. Play: only renditions up to it are sent.
    pub fn max_bitrate(self, bitrate: Bitrate) -> Self {
        self.granting(|grant| grant.max_bitrate = Some(bitrate))
    }

    /// Publish: most viewers of this stream at once, on this node. Ignored for others.
    pub fn max_viewers(self, viewers: u32) -> Self {
        self.granting(|grant| grant.max_viewers = Some(viewers))
    }

    /// Something for later plugins, events and the API to know: a claim, the tenant, the plan. The later of two with the
    /// same key wins. Keys starting with `wasmcast.` are the server's.
    pub fn tag(self, key: impl Into<String>, value: impl ToString) -> Self {
        self.granting(|grant| grant.tags.push((key.into(), value.to_string())))
    }

    fn granting(mut self, change: impl FnOnce(&mut Grant)) -> Self {
        if let Answer::Allow(grant) = &mut self.0 {
            change(grant);
        }
        self
    }
}

/// For a refusal, and for tests.
impl Decision {
    /// Tells when another try may succeed, as `Retry-After`. Changes a [`deny`]; on another answer it does nothing.
    pub fn retry_after(mut self, span: Duration) -> Self {
        if let Answer::Deny { retry_after, .. } = &mut self.0 {
            *retry_after = Some(span);
        }
        self
    }

    /// Whether it lets the session in.
    pub fn is_allow(&self) -> bool {
        matches!(self.0, Answer::Allow(_))
    }

    /// Whether it refuses.
    pub fn is_deny(&self) -> bool {
        matches!(self.0, Answer::Deny { .. })
    }

    /// Whether it leaves the answer to others.
    pub fn is_abstain(&self) -> bool {
        matches!(self.0, Answer::Abstain)
    }
}

/// Which sessions are to be asked again, of those which the manifest's match gives to this plugin.
///
/// ```
/// use wasmcast_plugin::prelude::*;
///
/// #[revoke]
/// fn poll() -> Result<Vec<Selection>> {
///     let gone = kv::get_json::<Vec<String>>("blocked").context("read whom to block")?.unwrap_or_default();
///     kv::remove("blocked")?;
///     Ok(gone.into_iter().map(Selection::Subject).collect())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The one of this id.
    Session(String),
    /// All of this subject.
    Subject(String),
    /// All that publish or play this stream.
    Stream(String),
    /// All which carry this tag: key and value.
    Tag(String, String),
    /// All.
    Everything,
}

impl From<Decision> for check::Decision {
    fn from(decision: Decision) -> Self {
        match decision.0 {
            Answer::Abstain => Self::Abstain,
            Answer::Deny { status, reason, retry_after } => {
                Self::Deny(check::Denial { status, reason, retry_after_ms: retry_after.map(whole_milliseconds) })
            }
            Answer::Allow(grant) => Self::Allow(check::Grant {
                subject: grant.subject,
                stream_name: grant.stream_name,
                ttl_ms: grant.ttl.map(whole_milliseconds),
                max_bitrate_kbps: grant.max_bitrate.map(Bitrate::as_kbps),
                max_viewers: grant.max_viewers,
                tags: grant.tags.into_iter().map(|(key, value)| host::types::Attribute { key, value }).collect(),
            }),
        }
    }
}

impl From<Selection> for revoke::Selection {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Session(id) => Self::Session(id),
            Selection::Subject(subject) => Self::Subject(subject),
            Selection::Stream(name) => Self::StreamName(name),
            Selection::Tag(key, value) => Self::Tag(host::types::Attribute { key, value }),
            Selection::Everything => Self::Everything,
        }
    }
}

/// What a function under [`auth`](macro@crate::auth) may return: a [`Decision`], or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "an auth hook returns `Result<Decision>` or `Decision`, not `{Self}`",
    label = "this is neither `Result<Decision>` nor `Decision`"
)]
pub trait IntoDecision {
    #[doc(hidden)]
    fn into_decision(self) -> Result<Decision>;
}

impl IntoDecision for Decision {
    fn into_decision(self) -> Result<Decision> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoDecision for Result<Decision, E> {
    fn into_decision(self) -> Result<Decision> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{kbps, minutes, seconds};

    #[test]
    fn an_answer_reaches_the_server_whole() {
        let allowed = allow()
            .subject("alice")
            .stream_name("cam1")
            .ttl(minutes(10))
            .max_bitrate(kbps(4_000))
            .max_viewers(7)
            .tag("plan", "free")
            .tag("seats", 2)
            .retry_after(seconds(1));
        let check::Decision::Allow(grant) = allowed.into() else { panic!("it allows") };
        assert_eq!(grant.subject.as_deref(), Some("alice"));
        assert_eq!(grant.stream_name.as_deref(), Some("cam1"));
        assert_eq!((grant.ttl_ms, grant.max_bitrate_kbps, grant.max_viewers), (Some(600_000), Some(4_000), Some(7)));
        let tags: Vec<(&str, &str)> = grant.tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect();
        assert_eq!(tags, [("plan", "free"), ("seats", "2")]);

        let refused = deny(429, "Full.").retry_after(seconds(30)).subject("ignored");
        let check::Decision::Deny(denial) = refused.into() else { panic!("it refuses") };
        assert_eq!((denial.status, &*denial.reason, denial.retry_after_ms), (429, "Full.", Some(30_000)));
        assert!(matches!(Decision::abstain().tag("a", "b").into(), check::Decision::Abstain));
    }
}
