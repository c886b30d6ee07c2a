//! Observers: what they are told survives failures and swaps, in order, and nobody waits for them.

use super::*;
use crate::observe::Happening;
use crate::observe::tracks::{TrackSource, TrackTotals};
use crate::plugin::observing::ObserverStatus;

impl World {
    fn tell(&self, count: usize) {
        (0..count).for_each(|_| self.services.events().tell(Happening::new("a.b")));
    }

    /// Numbers that arrived, by generation.
    fn heard(&self) -> Vec<(u64, u64)> {
        self.told.heard.lock().unwrap().clone()
    }

    fn observer(&self) -> ObserverStatus {
        self.status("a").observer.unwrap()
    }
}

/// Only what the test tells.
const MANIFEST: &str = "[observer]\nkinds = [\"a.b\"]";

async fn observed(words: &str) -> World {
    let world = World::new().await;
    world.write("a.toml", MANIFEST);
    world.put("a.wasm", words).await;
    world
}

/// The numbers, from the first on.
fn numbers(heard: &[(u64, u64)]) -> Vec<u64> {
    heard.iter().map(|(_, number)| *number).collect()
}

#[tokio::test(start_paused = true)]
async fn events_come_in_batches_when_they_are_full_or_have_waited() {
    let world = observed("observer").await;
    assert!(world.status("a").order.is_none(), "no session is put to it");
    world.tell(1);
    world.rest().await;
    assert!(world.heard().is_empty());
    world.pass(2).await;
    assert_eq!((world.heard().len(), world.observer().batches), (1, 1));
    world.tell(512);
    world.rest().await;
    assert_eq!(world.observer().batches, 3, "two are full");
    world.tell(88);
    world.pass(2).await;
    let (heard, status) = (numbers(&world.heard()), world.observer());
    assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "{heard:?}");
    assert_eq!((status.delivered, status.batches, status.queue, status.dropped), (601, 4, 0, 0));
    assert!(world.status("a").calls >= 4);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_arrive_comes_again_later_and_later_and_stops_no_plugin() {
    let world = observed("observer away auth allow").await;
    world.tell(300);
    world.pass(40).await;
    // At once, then after 1, 2, 4, 8, 16 s.
    assert_eq!(world.told.refused.load(Ordering::Relaxed), 6);
    assert_eq!((world.stands("a").as_str(), world.says().await.as_str()), ("active 1 directory", "allow"));
    let status = world.observer();
    assert_eq!((status.failed, status.queue, status.delivered), (6, 300, 0));
    let told = world.told("a");
    for part in ["observer/events: ", "the receiver is away", "300 events wait, and are delivered again in 32 s"] {
        assert!(told.contains(part), "{told}");
    }
    world.told.healed.store(1, Ordering::Relaxed);
    world.pass(60).await;
    assert_eq!((numbers(&world.heard()).len(), world.observer().queue), (300, 0));
}

#[tokio::test(start_paused = true)]
async fn a_swap_loses_nothing_and_delivers_nothing_twice() {
    let world = observed("observer waits").await;
    world.tell(10);
    world.pass(2).await;
    world.tell(10);
    // The first batch is under way when the next version comes.
    world.put("a.wasm", "observer").await;
    world.pass(2).await;
    assert!(world.heard().is_empty(), "the one before has its say first");
    world.told.release.add_permits(1);
    world.pass(2).await;
    let heard = world.heard();
    assert_eq!(
        heard.iter().map(|(generation, _)| *generation).collect::<Vec<_>>(),
        [vec![1; 10], vec![2; 10]].concat()
    );
    let heard = numbers(&heard);
    assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_goes_on_where_the_version_before_was_left() {
    let world = observed("observer").await;
    world.put("a.wasm", "observer away").await;
    world.tell(3);
    world.pass(3).await;
    assert!(world.heard().is_empty(), "the one before is kept, and is told nothing");
    world.command("a", Wish::RollBack).await.unwrap();
    world.tell(1);
    world.pass(3).await;
    let heard = numbers(&world.heard());
    // The numbers between are of events that it does not want: the roll-back is one.
    assert!(heard.len() == 4 && heard.windows(2).all(|pair| pair[1] > pair[0]), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_for_a_whole_version_hands_all_of_it_to_the_next() {
    let world = observed("observer away").await;
    for _ in 0..5 {
        world.tell(100);
        world.pass(1).await;
    }
    world.put("a.wasm", "observer").await;
    world.pass(2).await;
    let heard = world.heard();
    assert!(heard.len() == 500 && heard.iter().all(|(generation, _)| *generation == 2), "{}", heard.len());
}

#[tokio::test(start_paused = true)]
async fn beyond_its_room_the_oldest_are_dropped_and_counted() {
    let world = observed("observer away").await;
    world.tell(10_500);
    world.pass(1).await;
    let status = world.observer();
    assert_eq!((status.queue, status.dropped), (10_000, 500));
    world.told.healed.store(1, Ordering::Relaxed);
    world.pass(70).await;
    let (heard, status) = (world.heard(), world.observer());
    assert_eq!((heard.len(), status.delivered, status.dropped, status.queue), (10_000, 10_000, 500, 0));
    let mut text = String::new();
    crate::plugin::exposition::render(&world.board.read().plugins, &mut text);
    for line in [
        "wasmcast_plugins_observer_events_total{plugin=\"a\"} 10000",
        "wasmcast_plugins_observer_dropped_total{plugin=\"a\"} 500",
        "wasmcast_plugins_observer_queue{plugin=\"a\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_keeps_trapping_is_tried_later_and_later_and_its_events_wait() {
    let world = observed("observer trap").await;
    for _ in 0..200 {
        world.tell(1);
        world.pass(1).await;
    }
    let status = world.status("a");
    assert!(status.errors["trap"] >= 7, "{status:?}");
    assert_eq!(world.observer().queue, 200);
    world.told.healed.store(1, Ordering::Relaxed);
    world.pass(200).await;
    assert_eq!((world.heard().len(), world.observer().queue), (200, 0), "{:?}", world.status("a"));
}

#[tokio::test(start_paused = true)]
async fn a_disabled_observer_hears_nothing_and_begins_anew() {
    let world = observed("observer").await;
    world.tell(3);
    world.command("a", Wish::Disable).await.unwrap();
    assert!(world.status("a").observer.is_none());
    world.tell(3);
    world.pass(2).await;
    world.command("a", Wish::Enable).await.unwrap();
    world.tell(2);
    world.pass(2).await;
    assert_eq!(world.heard().len(), 2);
    assert_eq!(world.observer().dropped, 3, "what waited went with it");
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_the_end_of_the_server_is_delivered() {
    let world = observed("observer").await;
    world.tell(5);
    world.rest().await;
    assert!(world.heard().is_empty());
    world.tasks.stop(Duration::from_secs(1)).await.unwrap();
    assert_eq!(world.heard().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn tracks_are_told_each_interval_in_parts() {
    let world = World::new().await;
    world.services.set_tracks(TrackSource::new(|| {
        let track = |index: usize| TrackTotals {
            session: format!("s-{index}").into(),
            stream: if index == 0 { "other".into() } else { "live/cam1".into() },
            ..TrackTotals::default()
        };
        (0..=2_500).map(track).collect()
    }));
    world.write("a.toml", "[observer]\nstats-interval-s = 2\n[match]\nstream = [\"live/*\"]");
    world.put("a.wasm", "stats").await;
    world.pass(1).await;
    assert!(world.told.looks.lock().unwrap().is_empty(), "the first look has nothing to compare with");
    world.pass(1).await;
    assert_eq!(*world.told.looks.lock().unwrap(), [1_000, 1_000, 500]);
    world.pass(2).await;
    assert_eq!(world.told.looks.lock().unwrap().len(), 6);
}
