//! Watches how busy the shards are, so that new viewers are refused before those suffer who are there.

use crate::observe::{Events, Happening, Metrics};
use crate::shard::{Load, LoadMeter, Reading, Sessions};
use std::time::{Duration, Instant};

/// How often the shards are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Runs until it is dropped. `epoch`: from which the shards count time.
pub(super) async fn run(sessions: Sessions, metrics: Metrics, events: Events, shards: usize, epoch: Instant) {
    let mut meter = LoadMeter::default();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let now_ns = now.saturating_duration_since(epoch).as_nanos() as u64;
        let limit = match sessions.limits().shard_load_percent {
            0 => None,
            percent => Some(f64::from(percent) / 100.0),
        };
        let readings = (0..shards).map(|index| Reading::take(&metrics.shard(index), now_ns));
        let load = meter.step(now, readings, limit);
        metrics.set_load(load.shards.iter().map(|shard| shard.share), load.is_overloaded());
        tell(&sessions.load(), &load, &events);
        sessions.set_load(load);
    }
}

/// Logs what changed, and tells it.
fn tell(before: &Load, load: &Load, events: &Events) {
    let percent = |share: f64| (share * 100.0) as u32;
    for (shard, now) in load.shards.iter().enumerate() {
        let was = before.shards.get(shard).is_some_and(|before| before.overloaded);
        match (was, now.overloaded) {
            (false, true) => tracing::warn!(shard, load_percent = percent(now.share), "a shard is overloaded"),
            (true, false) => tracing::info!(shard, load_percent = percent(now.share), "a shard has room again"),
            _ => continue,
        }
        let kind = if now.overloaded { "shard.overloaded" } else { "shard.relieved" };
        events.tell(Happening::new(kind).with("shard", shard).with("load_percent", percent(now.share)));
    }
    match (before.is_overloaded(), load.is_overloaded()) {
        (false, true) => {
            tracing::warn!("all shards are overloaded; new viewers are refused");
            events.tell(Happening::new("server.overloaded"));
        }
        (true, false) => {
            tracing::info!("new viewers are taken again");
            events.tell(Happening::new("server.relieved"));
        }
        _ => {}
    }
}
