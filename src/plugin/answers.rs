//! What plugins answer, out of the contract's types into the server's own, checked on the way.

use super::bindings::{auth_check, auth_revoke, ratelimit_decide, ratelimit_rules, router_routing};
use super::decision::{Answer, Denial, Grant, Selection};
use super::limiting::{Amount, Offered};
use super::route::Route;
use crate::media::Pace;
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

/// A rule as the contract has it, to be checked.
pub(super) fn rule(rule: ratelimit_rules::exports::wasmcast::ratelimit::rules::Rule) -> Offered {
    use ratelimit_rules::exports::wasmcast::ratelimit::rules::Limit;
    let amount = match rule.limit {
        Limit::Rate(bucket) => Amount::Rate(Pace { per_second: bucket.per_second, burst: bucket.burst }),
        Limit::AtOnce(most) => Amount::AtOnce(most),
        Limit::Ask => Amount::Ask,
    };
    let only = rule.only.into_iter().map(|entry| (entry.key, entry.value)).collect();
    Offered { name: rule.name, measure: rule.measure, per: rule.per, only, amount }
}

/// A verdict on a session. The words for the client are the host's.
pub(super) fn verdict(verdict: ratelimit_decide::exports::wasmcast::ratelimit::decide::Verdict) -> Answer<()> {
    use ratelimit_decide::exports::wasmcast::ratelimit::decide::Verdict;
    match verdict {
        Verdict::Admit => Answer::Allow(()),
        Verdict::Refuse(ms) => Answer::Deny(Denial::checked(429, "", Some(Duration::from_millis(u64::from(ms))))),
    }
}
