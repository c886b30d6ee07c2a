//! Tells an observer plugin events: how many a second it takes, and what becomes of those beyond.

use super::process::Usage;
use crate::client::ClientError;
use crate::client::report::Fields;
use crate::observe::{Events, Happening};
use crate::plugin::{ObserverStatus, Plugins};
use std::time::{Duration, Instant};

/// Of the queue's 10,000: so many wait at most while it is measured how many a plugin takes.
const WAITING: usize = 5_000;
/// The last ones wait for others to come; they are not waited for.
const TAIL: u64 = 1_000;
/// How long more is told than the plugin takes.
const FLOOD: Duration = Duration::from_secs(2);
/// A plugin that takes none for so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_micros(200);

/// Tells it `count` events as fast as it takes them, then as many as can be told for a while.
pub(super) async fn run(plugins: &Plugins, events: &Events, name: &str, count: u32) -> Result<Fields, ClientError> {
    let status = || {
        let status = plugins.get(name).and_then(|status| status.observer);
        status.ok_or_else(|| ClientError::Usage(format!("`{name}` observes no events any more")))
    };
    let before = Usage::own();
    let begun = Instant::now();
    let mut told = 0;
    let mut seen = (0, begun);
    let taken = loop {
        let ObserverStatus { queue, delivered, .. } = status()?;
        let now = Instant::now();
        if delivered > seen.0 {
            seen = (delivered, now);
        }
        if delivered + TAIL >= u64::from(count) {
            break delivered;
        }
        if now - seen.1 > PATIENCE {
            let last = plugins.get(name).and_then(|status| status.last_error).map(|error| error.cause);
            let last = last.unwrap_or_else(|| "it says nothing".to_owned());
            return Err(ClientError::Usage(format!("`{name}` takes no events: {last}")));
        }
        let more = WAITING.saturating_sub(queue).min((count - told) as usize);
        (0..more).for_each(|number| events.tell(happening(number)));
        told += more as u32;
        tokio::time::sleep(LOOK).await;
    };
    let took = (seen.1 - begun).as_secs_f64();
    let cpu_s = Usage::own().cpu_s() - before.cpu_s();
    let calm = status()?;

    // A thread of its own: whoever tells does not wait, and must not be waited for either.
    let (flood, events) = (Instant::now() + FLOOD, events.clone());
    let teller = tokio::task::spawn_blocking(move || {
        let mut took = Vec::new();
        while Instant::now() < flood {
            let happening = happening(took.len());
            let begun = Instant::now();
            events.tell(happening);
            took.push(begun.elapsed());
        }
        took
    });
    let mut took_each = teller.await.map_err(|error| ClientError::Usage(error.to_string()))?;
    let flooded = status()?;
    took_each.sort_unstable();
    let at = |share: f64| took_each[((took_each.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1_000.0;
    let seconds = FLOOD.as_secs_f64();
    let mut report = Fields::new("bench-plugin");
    report.put("events", taken);
    report.number("events_per_s", Some(taken as f64 / took), 0);
    report.number("cpu_us", Some(cpu_s * 1e6 / taken as f64), 2);
    report.number("events_per_batch", Some(calm.delivered as f64 / calm.batches.max(1) as f64), 0);
    report.number("flood_told_per_s", Some(took_each.len() as f64 / seconds), 0);
    report.number("flood_taken_per_s", Some((flooded.delivered - calm.delivered) as f64 / seconds), 0);
    report.put("flood_dropped", flooded.dropped - calm.dropped);
    report.put("flood_queue", flooded.queue);
    report.number("tell_p50_us", Some(at(0.50)), 2);
    report.number("tell_p99_us", Some(at(0.99)), 2);
    Ok(report)
}

/// An event as a session's end has it.
fn happening(number: usize) -> Happening {
    Happening::new("session.ended")
        .stream("live/cam1")
        .session(format_args!("bench.{number:032x}"))
        .with("action", "play")
        .with("protocol", "whep")
        .with("client_address", "192.0.2.1")
        .with("subject", "alice")
        .with("reason", "by-peer")
        .with("duration_ms", 60_210)
        .with("bytes", 9_032_117)
        .with("packets", 10_597)
        .with("lost", 3)
}
