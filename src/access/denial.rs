//! Every no of the door, in words for the client: by the static rules, by a plugin, or because a stream is full.

use crate::plugin;
use std::time::Duration;

/// A no, in words for the client. It tells nothing about tokens, rules or what went wrong inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error(
        "this needs a token; send it as `Authorization: Bearer TOKEN`, or as `?token=TOKEN` where no header can be set"
    )]
    TokenMissing,
    #[error("the token is not accepted for this stream and action")]
    TokenWrong,
    #[error("the access rules of this server do not allow this")]
    Forbidden,
    #[error(
        "no access rule of this server says who may do this, and without one only this machine may, by the name localhost or a \
         loopback address"
    )]
    NotLocal,
    /// A plugin says so, with its own status and words.
    #[error("{}", words(.0))]
    Plugin(plugin::Denial),
    /// A plugin failed, and its policy is to refuse.
    #[error("{}", words(.0))]
    PluginFailed(plugin::Denial),
    /// A rule of a plugin has one too many.
    #[error("{0}")]
    Limited(plugin::Limited),
    #[error("all {0} places for viewers of this stream are taken; try again later")]
    StreamFull(u32),
    /// As many watch as the server allows for any stream.
    #[error("{0} watch this stream, which is as many as this server allows; try again later")]
    StreamAtLimit(u32),
    #[error("the stream runs at {kbps} kbit/s, and you may watch up to {allowed} kbit/s")]
    BitrateAboveGrant { kbps: u32, allowed: u32 },
}

/// When a viewer may try again to get a place that others have, and to find a stream that runs more slowly.
const FULL_RETRY: Duration = Duration::from_secs(10);

fn words(denial: &plugin::Denial) -> &str {
    match denial.reason.as_str() {
        "" => "this server does not allow this",
        reason => reason,
    }
}

impl Denial {
    /// The HTTP status: 401 where a token would help, else 403; 503 where a place may become free; a plugin's own.
    pub fn status(&self) -> u16 {
        match self {
            Denial::TokenMissing | Denial::TokenWrong => 401,
            Denial::Forbidden | Denial::NotLocal | Denial::BitrateAboveGrant { .. } => 403,
            Denial::Plugin(denial) | Denial::PluginFailed(denial) => denial.status,
            Denial::Limited(_) => 429,
            Denial::StreamFull(_) | Denial::StreamAtLimit(_) => 503,
        }
    }

    /// The `WWW-Authenticate` header that goes with every 401 (RFC 9110, 11.6.1; RFC 6750, 3).
    pub fn www_authenticate(&self) -> Option<&'static str> {
        match self {
            Denial::TokenWrong => Some("Bearer realm=\"wasmcast\", error=\"invalid_token\""),
            denial if denial.status() == 401 => Some("Bearer realm=\"wasmcast\""),
            _ => None,
        }
    }

    /// When another try may succeed.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Denial::Plugin(denial) | Denial::PluginFailed(denial) => denial.retry_after,
            Denial::Limited(limited) => Some(limited.retry_after),
            Denial::StreamFull(_) | Denial::StreamAtLimit(_) => Some(FULL_RETRY),
            _ => None,
        }
    }

    /// A short name for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Denial::TokenMissing => "token-missing",
            Denial::TokenWrong => "token-wrong",
            Denial::Forbidden => "forbidden",
            Denial::NotLocal => "not-local",
            Denial::Plugin(_) => "plugin",
            Denial::PluginFailed(_) => "plugin-failed",
            Denial::Limited(_) => "limited",
            Denial::StreamFull(_) => "stream-full",
            Denial::StreamAtLimit(_) => "stream-at-limit",
            Denial::BitrateAboveGrant { .. } => "bitrate-above-grant",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_carry_their_http_answer() {
        let said = |status, reason: &str| plugin::Denial { status, reason: reason.to_owned(), retry_after: None };
        let bearer = Some("Bearer realm=\"wasmcast\"");
        let rows = [
            (Denial::TokenMissing, 401, bearer, "token"),
            (Denial::TokenWrong, 401, Some("Bearer realm=\"wasmcast\", error=\"invalid_token\""), "not accepted"),
            (Denial::Forbidden, 403, None, "rules"),
            (Denial::NotLocal, 403, None, "localhost"),
            (Denial::Plugin(said(401, "Sign in.")), 401, bearer, "Sign in."),
            (Denial::Plugin(said(402, "Pay.")), 402, None, "Pay."),
            (Denial::PluginFailed(said(503, "")), 503, None, "does not allow"),
            (Denial::StreamFull(3), 503, None, "all 3 places"),
        ];
        for (denial, status, challenge, part) in rows {
            assert_eq!((denial.status(), denial.www_authenticate()), (status, challenge), "{denial:?}");
            assert!(denial.to_string().contains(part), "{denial}");
        }
        assert_eq!(Denial::StreamFull(1).retry_after(), Some(FULL_RETRY));
    }
}
