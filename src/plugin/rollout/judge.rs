//! Judges a generation on trial by its figures against those of the one before. Pure: figures in, verdict out.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What there is to judge by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    pub calls: u64,
    /// Failed calls among them.
    pub errors: u64,
    /// Answers of `auth` that were a no.
    pub denials: u64,
    /// Client networks that called while it was on trial, ...
    pub networks: usize,
    /// ... those that a call failed with at least once, ...
    pub failing_networks: usize,
    /// ... and those whose latest answer was a no.
    pub denied_networks: usize,
    /// Calls that were timed.
    pub timed: u64,
    pub p97: Option<Duration>,
    pub p99: Option<Duration>,
}

/// Why a generation is taken out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It fails more often than the one before.
    Errors,
    /// It answers more slowly.
    Latency,
    /// It says no to many more.
    Denials,
    /// It kept failing, and the breaker stopped it.
    Stopped,
    /// The operator said so.
    Operator,
}

impl Verdict {
    /// The operator's own.
    pub(in crate::plugin) fn of_operator() -> Self {
        Verdict { cause: Cause::Operator, reason: "the operator wanted it".to_owned() }
    }
}

impl Cause {
    pub(in crate::plugin) const ALL: [Cause; 5] =
        [Cause::Errors, Cause::Latency, Cause::Denials, Cause::Stopped, Cause::Operator];

    /// As in the API and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Errors => "errors",
            Cause::Latency => "latency",
            Cause::Denials => "denials",
            Cause::Stopped => "stopped",
            Cause::Operator => "operator",
        }
    }
}

/// A generation that is worse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub cause: Cause,
    /// For the operator.
    pub reason: String,
}

/// Before so many calls nothing is said about errors and denials: small numbers tell nothing.
const MIN_CALLS: u64 = 20;
/// One or two failures are an accident.
const MIN_ERRORS: u64 = 3;
/// So many networks must meet a failure, or all where fewer call: one client must not undo a roll-out by an input that fails.
const MIN_FAILING: usize = 3;
/// Failures of so many calls more than before are borne: 1 of 100.
const BORNE_ERRORS: f64 = 0.01;
/// A share of denials that is larger by so much is far above.
const FAR_MORE_DENIALS: f64 = 0.3;
/// Before so many timed calls of both nothing is said about how long they take.
const MIN_TIMED: u64 = 100;
/// More than 3 of 100 calls last longer than this many times the p99 before, ...
const SLOWER: u32 = 3;
/// ... and longer than this: nobody notices less, and a machine that was busy for a moment causes as much.
const NOTICED: Duration = Duration::from_millis(5);
/// Networks that are told apart; calls of further ones count without a network. Some 200 KiB.
pub const MAX_NETWORKS: usize = 4_096;
/// Of a normal distribution: a rate is above its bound 99.5 times of 100. It is looked at again and again, so not less.
const Z: f64 = 2.58;

/// What is worse with the generation on trial; none: nothing, or too little is known yet.
pub fn judge(former: &Sample, trial: &Sample) -> Option<Verdict> {
    errors(former, trial).or_else(|| denials(former, trial)).or_else(|| latency(former, trial))
}

fn errors(former: &Sample, trial: &Sample) -> Option<Verdict> {
    let failing = trial.failing_networks >= MIN_FAILING.min(trial.networks);
    if trial.calls < MIN_CALLS || trial.errors < MIN_ERRORS || !failing {
        return None;
    }
    let before = rate(former.errors, former.calls);
    if at_least(trial.errors, trial.calls) <= before + BORNE_ERRORS {
        return None;
    }
    let (errors, calls) = (trial.errors, trial.calls);
    let reason = format!(
        "{errors} of its {calls} calls failed ({}), of the generation before {}",
        percent(rate(errors, calls)),
        percent(before)
    );
    Some(Verdict { cause: Cause::Errors, reason })
}

fn denials(former: &Sample, trial: &Sample) -> Option<Verdict> {
    let (answered, answered_before) =
        (trial.calls - trial.errors.min(trial.calls), former.calls - former.errors.min(former.calls));
    if answered < MIN_CALLS || answered_before < MIN_CALLS {
        return None;
    }
    let before = rate(former.denials, answered_before);
    let bound = before + FAR_MORE_DENIALS;
    // Both by calls and by networks: whoever comes again and again with a wrong password is one.
    let by_networks = trial.networks == 0 || rate(trial.denied_networks as u64, trial.networks as u64) > bound;
    if at_least(trial.denials, answered) <= bound || !by_networks {
        return None;
    }
    let now = rate(trial.denials, answered);
    let reason =
        format!("it denied {} of {answered} requests, the generation before {}", percent(now), percent(before));
    Some(Verdict { cause: Cause::Denials, reason })
}

fn latency(former: &Sample, trial: &Sample) -> Option<Verdict> {
    let (p99_before, p97, p99) = (former.p99?, trial.p97?, trial.p99?);
    let enough = former.timed >= MIN_TIMED && trial.timed >= MIN_TIMED;
    if !enough || p97 <= p99_before * SLOWER || p97 <= NOTICED {
        return None;
    }
    let reason = format!("its p99 is {:.1} ms, that of the generation before {:.1} ms", ms(p99), ms(p99_before));
    Some(Verdict { cause: Cause::Latency, reason })
}

fn rate(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// The lower bound of the true rate (Wilson's interval).
fn at_least(part: u64, all: u64) -> f64 {
    let (n, p, z2) = (all.max(1) as f64, rate(part, all), Z * Z);
    let centre = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (centre - spread) / (1.0 + z2 / n)
}

fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * 100.0)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(calls: u64) -> Sample {
        let us = |us| Some(Duration::from_micros(us));
        Sample { calls, networks: 50, timed: calls, p97: us(90), p99: us(100), ..Sample::default() }
    }

    fn cause(former: &Sample, trial: &Sample) -> Option<Cause> {
        judge(former, trial).map(|verdict| verdict.cause)
    }

    #[test]
    fn errors_count_by_rate_number_and_networks() {
        let with = |calls, errors, failing_networks| Sample { errors, failing_networks, ..good(calls) };
        let rows = [
            (good(1_000), with(19, 19, 19), false, "too few calls"),
            (good(1_000), with(20, 2, 2), false, "an accident"),
            (good(1_000), with(20, 3, 3), true, "15 of 100"),
            (good(1_000), with(100, 5, 5), true, "5 of 100"),
            (good(1_000), with(1_000, 12, 12), false, "1.2 of 100 is borne"),
            (good(1_000), with(10_000, 150, 40), true, "1.5 of 100 is not, once it is sure"),
            (good(1_000), with(200, 100, 2), false, "two networks of fifty"),
            (good(0), with(100, 5, 5), true, "whatever was before"),
            (with(1_000, 50, 9), with(100, 5, 5), false, "as before"),
            (with(1_000, 50, 9), with(400, 60, 20), true, "three times as before"),
        ];
        for (former, trial, expected, what) in rows {
            assert_eq!(cause(&former, &trial) == Some(Cause::Errors), expected, "{what}");
        }
        let alone = Sample { networks: 1, ..with(100, 5, 1) };
        assert_eq!(cause(&good(0), &alone), Some(Cause::Errors), "where one network calls it is all there is");
    }

    #[test]
    fn denials_count_where_they_are_far_above() {
        let with = |calls, denials, denied_networks| Sample { denials, denied_networks, ..good(calls) };
        let rows = [
            (good(100), with(19, 19, 50), false, "too few calls"),
            (good(100), with(20, 20, 50), true, "everybody"),
            (good(19), with(100, 100, 50), false, "too little is known of the one before"),
            (with(100, 30, 10), with(100, 45, 20), false, "somewhat more"),
            (with(100, 30, 10), with(100, 90, 45), true, "nearly everybody"),
            (with(100, 90, 45), with(100, 100, 50), false, "it said no before"),
            (good(100), with(1_000, 950, 3), false, "three that come again and again"),
        ];
        for (former, trial, expected, what) in rows {
            assert_eq!(cause(&former, &trial) == Some(Cause::Denials), expected, "{what}");
        }
    }

    #[test]
    fn what_is_slower_is_told_where_it_can_be_noticed() {
        let slow = |timed, p97_us, p99_us| Sample {
            timed,
            p97: Some(Duration::from_micros(p97_us)),
            p99: Some(Duration::from_micros(p99_us)),
            ..good(timed)
        };
        let rows = [
            (slow(1_000, 900, 1_000), slow(100, 9_000, 10_000), true, "ten times"),
            (slow(1_000, 900, 1_000), slow(99, 9_000, 10_000), false, "too few"),
            (slow(99, 900, 1_000), slow(1_000, 9_000, 10_000), false, "too few before"),
            (slow(1_000, 90, 100), slow(1_000, 900, 1_000), false, "ten times of nothing"),
            (slow(1_000, 3_000, 4_000), slow(1_000, 9_000, 12_000), false, "less than three times"),
            (slow(1_000, 900, 1_000), slow(1_000, 1_000, 80_000), false, "a few stragglers"),
        ];
        for (former, trial, expected, what) in rows {
            assert_eq!(cause(&former, &trial) == Some(Cause::Latency), expected, "{what}");
        }
        let verdict = judge(&slow(1_000, 900, 1_000), &slow(100, 9_000, 10_000)).unwrap();
        assert_eq!(verdict.reason, "its p99 is 10.0 ms, that of the generation before 1.0 ms");
    }

    #[test]
    fn chance_alone_takes_no_generation_out() {
        // Two generations that fail with 1 of 100 calls, looked at after every call; the numbers are seeded.
        let (mut seed, mut wrong) = (7_u64, 0);
        let mut draw = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % 100 == 0
        };
        let former = Sample { errors: 100, ..good(10_000) };
        for _ in 0..200 {
            let mut trial = Sample { failing_networks: 50, ..good(0) };
            wrong += u32::from((0..500).any(|_| {
                trial.calls += 1;
                trial.errors += u64::from(draw());
                errors(&former, &trial).is_some()
            }));
        }
        assert!(wrong <= 6, "{wrong} of 200");
    }
}
