//! What plugins answer, out of the contract's types into the server's own, checked on the way.

use super::bindings::{auth_check, auth_revoke, router_routing};
use super::decision::{Answer, Denial, Grant, Selection};
use super::route::Route;
use std::time::Duration;

/// A decision as the contract has it, checked.
pub(super) fn answer(decision: auth_check::exports::wasmcast::auth::check::Decision) -> Result<Answer, String> {
    use auth_check::exports::wasmcast::auth::check::Decision;
    Ok(match decision {
        Decision::Abstain => Answer::Abstain,
        Decision::Deny(denial) => {
            let retry_after = denial.retry_after_ms.map(|ms| Duration::from_millis(u64::from(ms)));
            Answer::Deny(Denial::checked(denial.status, &denial.reason, retry_after))
        }
        Decision::Allow(grant) => Answer::Allow(
            Grant {
                subject: grant.subject,
                stream_name: grant.stream_name,
                ttl: grant.ttl_ms.map(|ms| Duration::from_millis(u64::from(ms))),
                max_bitrate_kbps: grant.max_bitrate_kbps,
                max_viewers: grant.max_viewers,
                tags: grant.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            }
            .checked()?,
        ),
    })
}

pub(super) fn selection(selection: auth_revoke::exports::wasmcast::auth::revoke::Selection) -> Selection {
    use auth_revoke::exports::wasmcast::auth::revoke::Selection as Wit;
    match selection {
        Wit::Session(id) => Selection::Session(id),
        Wit::Subject(subject) => Selection::Subject(subject),
        Wit::StreamName(name) => Selection::Stream(name),
        Wit::Tag(tag) => Selection::Tag(tag.key, tag.value),
        Wit::Everything => Selection::Everything,
    }
}

/// A route as the contract has it, checked.
pub(super) fn route(
    chosen: Option<router_routing::exports::wasmcast::router::routing::Route>,
) -> Result<Answer<Route>, String> {
    let Some(chosen) = chosen else { return Ok(Answer::Abstain) };
    let tags = chosen.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok(Answer::Allow(Route::checked(&chosen.nodes, chosen.stream_name.as_deref(), chosen.rendition, tags)?))
}
