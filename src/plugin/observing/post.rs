//! The queue of an observer: it belongs to the plugin, not to a generation, so what waits goes to whoever is in service next.

use super::Wants;
use super::figures::Figures;
use crate::observe::Event;
use crate::observe::events::{Events, Filter, Listener, Taken};
use crate::plugin::matching::Matching;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Events that wait for an observer: beyond, the oldest are dropped and counted. Some 5 MB as events usually are; a receiver
/// that is away for a minute loses nothing at 160 events a second.
pub(super) const QUEUE: usize = 10_000;
/// Bytes of events in one call, about: what a guest has to copy at once.
const BATCH_BYTES: usize = 1 << 20;

/// What an observer is given, over its generations.
#[derive(Default)]
pub(in crate::plugin) struct Post {
    listener: Mutex<Option<Arc<Listener>>>,
    /// Whether a generation observes anything, events or not.
    in_service: AtomicBool,
    figures: Figures,
    /// Dropped by queues before the present one.
    dropped: AtomicU64,
    /// Held by the task that delivers: one at a time, so that events stay in order over a swap.
    pub(super) desk: Arc<tokio::sync::Mutex<()>>,
}

impl Post {
    /// A generation observes from now on.
    pub(super) fn begin(&self) {
        self.in_service.store(true, Ordering::Relaxed);
    }

    /// Collects what a generation wants. What waits already stays.
    pub(super) fn open(&self, events: &Events, plugin: &Arc<str>, wants: &Arc<Wants>, rules: &Arc<Matching>) {
        let (plugin, wants, rules) = (plugin.clone(), wants.clone(), rules.clone());
        let filter: Filter = Arc::new(move |event: &Event| {
            event.source.as_ref() != Some(&plugin)
                && wants.covers(event)
                && (event.stream.is_empty() || rules.covers_stream(&event.stream))
        });
        let mut listener = self.listener();
        match &*listener {
            Some(listener) => listener.set_filter(filter),
            None => *listener = Some(Arc::new(events.listen(QUEUE, None, filter))),
        }
    }

    /// Collects nothing any more, and forgets what waits: the plugin is switched off, or observes no more.
    pub(in crate::plugin) fn close(&self) {
        self.in_service.store(false, Ordering::Relaxed);
        if let Some(listener) = self.listener().take() {
            let dropped = listener.with_queue(|queue| queue.missed() + queue.len() as u64);
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }

    /// The queue of the moment; none while the plugin observes nothing.
    pub(super) fn queue(&self) -> Option<Arc<Listener>> {
        self.listener().clone()
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Events that wait, since when the oldest does, and how many were dropped in all.
    pub(super) fn waiting(&self) -> Option<(usize, Option<Instant>, u64)> {
        let before = self.dropped.load(Ordering::Relaxed);
        let queue = self.queue();
        let nothing = self.in_service.load(Ordering::Relaxed).then_some((0, None, before));
        let waiting =
            |queue: Arc<Listener>| queue.with_queue(|queue| (queue.len(), queue.oldest(), before + queue.missed()));
        queue.map(waiting).or(nothing)
    }

    fn listener(&self) -> MutexGuard<'_, Option<Arc<Listener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next batch.
pub(super) fn take(listener: &Listener, wants: &Wants) -> Taken {
    listener.with_queue(|queue| queue.take(wants.batch, BATCH_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Happening;

    #[test]
    fn what_waits_goes_to_the_next_generation_and_a_plugin_does_not_hear_itself() {
        let (events, post, me) = (Events::default(), Post::default(), Arc::<str>::from("me"));
        assert!(post.status().is_none());
        let wants = |text: &str| {
            let manifest = crate::plugin::Manifest::parse(text, "me", "me.toml").unwrap();
            (manifest.observer.clone(), manifest.matching.clone())
        };
        let (first, rules) = wants("[match]\nstream = [\"live/**\"]");
        post.open(&events, &me, &first, &rules);
        for stream in ["live/a", "other/b", ""] {
            events.tell(Happening::new("stream.started").stream(stream));
        }
        events.tell(Happening::by_plugin(&me, "plugin.me.alert"));
        events.tell(Happening::by_plugin(&"you".into(), "plugin.you.alert"));
        assert_eq!(post.status().unwrap().queue, 3);
        let (second, rules) = wants("[observer]\nkinds = [\"session.*\"]\nbatch = 2");
        post.open(&events, &me, &second, &rules);
        events.tell(Happening::new("stream.ended"));
        events.tell(Happening::new("session.ended"));
        let listener = post.queue().unwrap();
        let numbers = |taken: Taken| taken.events.iter().map(|event| event.sequence).collect::<Vec<_>>();
        assert_eq!(numbers(take(&listener, &second)), [1, 3]);
        listener.with_queue(|queue| queue.delivered());
        assert_eq!(numbers(take(&listener, &second)), [5, 7]);
        for _ in 0..QUEUE + 1 {
            events.tell(Happening::new("session.ended"));
        }
        let status = post.status().unwrap();
        assert_eq!((status.queue, status.dropped), (QUEUE, 3));
        post.close();
        assert!(post.status().is_none());
    }
}
