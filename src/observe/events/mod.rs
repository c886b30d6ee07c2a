//! What happens, as numbered events: the last ones are kept, each listener has a queue, and nobody who tells one waits.

mod queue;

pub use queue::{Queue, Taken};

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// The last events are kept for those who come back: some minutes of a busy server, 0.5 MB as events usually are.
pub const KEPT: usize = 1_000;
/// Longest value of an attribute, in bytes; what is longer is cut.
const MAX_VALUE: usize = 1 << 10;
/// Attributes of one event; more are left out.
const MAX_ATTRIBUTES: usize = 24;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Rises by one per event of this node since its start.
    pub sequence: u64,
    /// When it happened, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// When it happened, for spans.
    pub at: Instant,
    /// Dotted: `session.started`.
    pub kind: Cow<'static, str>,
    /// Empty when it concerns none.
    pub stream: String,
    /// Empty when it concerns none.
    pub session: String,
    /// What the kind documents, with `node`.
    pub attributes: Vec<(Cow<'static, str>, String)>,
    /// The plugin that told it, which does not get it back.
    pub source: Option<Arc<str>>,
}

impl Event {
    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(key, value)| 64 + key.len() + value.len()).sum();
        size_of::<Event>() + self.kind.len() + self.stream.len() + self.session.len() + attributes
    }
}

/// Something that happened, about to be told.
#[derive(Clone, Debug)]
#[must_use = "give it to Events::tell"]
pub struct Happening(Event);

impl Happening {
    /// Of a kind of the server's own.
    pub fn new(kind: &'static str) -> Self {
        Happening::of(Cow::Borrowed(kind))
    }

    /// Of a kind that a plugin made up: characters that do not belong into one become `_`.
    pub fn by_plugin(plugin: &Arc<str>, kind: &str) -> Self {
        let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let mut happening = Happening::of(Cow::Owned(kind.chars().map(plain).collect()));
        happening.0.source = Some(plugin.clone());
        happening
    }

    fn of(kind: Cow<'static, str>) -> Self {
        Happening(Event {
            sequence: 0,
            unix_ns: 0,
            at: Instant::now(),
            kind,
            stream: String::new(),
            session: String::new(),
            attributes: Vec::new(),
            source: None,
        })
    }

    /// The stream that it concerns.
    pub fn stream(mut self, name: impl Display) -> Self {
        self.0.stream = name.to_string();
        self
    }

    /// The session that it concerns.
    pub fn session(mut self, id: impl Display) -> Self {
        self.0.session = id.to_string();
        self
    }

    /// Adds an attribute. Never a credential.
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Display) -> Self {
        if self.0.attributes.len() < MAX_ATTRIBUTES {
            let mut value = value.to_string();
            value.truncate(value.floor_char_boundary(MAX_VALUE));
            self.0.attributes.push((key.into(), value));
        }
        self
    }

    /// Adds an attribute that may be absent.
    pub fn with_some(self, key: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

/// Whether a listener wants an event.
pub type Filter = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// Where events are told and listened to. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    bus: Arc<Bus>,
}

struct Bus {
    node: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sequence: u64,
    recent: VecDeque<Arc<Event>>,
    listeners: Vec<Weak<Mailbox>>,
    /// What happens too often to be told one by one. Keys are words of the code: there are few.
    counts: BTreeMap<Counted, u64>,
}

/// A kind, and what tells its counts apart.
type Counted = (&'static str, [(&'static str, &'static str); 2]);

struct Mailbox {
    post: Mutex<Post>,
    arrived: Notify,
}

struct Post {
    filter: Filter,
    queue: Queue,
}

/// Receives events. Its queue is bounded: the oldest are dropped, and counted.
pub struct Listener {
    mailbox: Arc<Mailbox>,
}

impl Default for Events {
    fn default() -> Self {
        Events::new("")
    }
}

impl Events {
    /// Of the node of this name, which each event carries as the attribute `node`.
    pub fn new(node: &str) -> Self {
        Events { bus: Arc::new(Bus { node: node.to_owned(), state: Mutex::default() }) }
    }

    /// Tells that something happened. Takes a microsecond; whoever listens gets it in his own time.
    pub fn tell(&self, happening: Happening) {
        let mut event = happening.0;
        event.attributes.push((Cow::Borrowed("node"), self.bus.node.clone()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        event.unix_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut state = self.state();
        state.sequence += 1;
        event.sequence = state.sequence;
        let event = Arc::new(event);
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back(event.clone());
        // Under the lock, so that each listener gets them in order.
        state.listeners.retain(|listener| listener.upgrade().is_some_and(|mailbox| mailbox.take(&event)));
    }

    /// Counts what happens too often for an event each; [`Events::tell_counts`] tells the sums.
    pub fn count(&self, kind: &'static str, labels: [(&'static str, &'static str); 2], count: u64) {
        if count > 0 {
            *self.state().counts.entry((kind, labels)).or_default() += count;
        }
    }

    /// Tells what was counted since the last call: to be called once a second.
    pub fn tell_counts(&self) {
        let counts = std::mem::take(&mut self.state().counts);
        for ((kind, labels), count) in counts {
            let labels = labels.into_iter().filter(|(key, _)| !key.is_empty());
            let happening = labels.fold(Happening::new(kind), |happening, (key, value)| happening.with(key, value));
            self.tell(happening.with("count", count));
        }
    }

    /// Listens from now on, with room for `limit` events. `after`: with those of the kept events that come after the one of
    /// this number; a number of the future, as from before a restart of the server, gives all that are kept.
    pub fn listen(&self, limit: usize, after: Option<u64>, filter: Filter) -> Listener {
        let mut queue = Queue::new(limit.max(KEPT));
        let mut state = self.state();
        if let Some(after) = after {
            let after = if after > state.sequence { 0 } else { after };
            let oldest = state.recent.front().map_or(state.sequence + 1, |event| event.sequence);
            queue.miss(oldest.saturating_sub(after + 1));
            for event in state.recent.iter().filter(|event| event.sequence > after && filter(event)) {
                queue.push(event.clone());
            }
        }
        queue.set_limit(limit);
        let mailbox = Arc::new(Mailbox { post: Mutex::new(Post { filter, queue }), arrived: Notify::new() });
        state.listeners.push(Arc::downgrade(&mailbox));
        drop(state);
        Listener { mailbox }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.bus.state.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("node", &self.bus.node).finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Always true: it is still there.
    fn take(&self, event: &Arc<Event>) -> bool {
        let mut post = self.post();
        if (post.filter)(event) {
            post.queue.push(event.clone());
            drop(post);
            self.arrived.notify_one();
        }
        true
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().expect("no holder of this lock panics")
    }
}

impl Listener {
    /// Wants other events from now on; those that wait stay.
    pub fn set_filter(&self, filter: Filter) {
        self.mailbox.post().filter = filter;
    }

    /// Works on the queue. Keep it short: whoever tells an event waits meanwhile.
    pub fn with_queue<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> T {
        work(&mut self.mailbox.post().queue)
    }

    /// Waits until an event has come since the last call. For one task.
    pub async fn arrived(&self) {
        self.mailbox.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn any() -> Filter {
        Arc::new(|_| true)
    }

    fn taken(listener: &Listener) -> (Vec<u64>, u64) {
        listener.with_queue(|queue| {
            let Taken { events, missed } = queue.take(usize::MAX, usize::MAX);
            queue.delivered();
            (events.iter().map(|event| event.sequence).collect(), missed)
        })
    }

    #[test]
    fn each_listener_gets_what_it_wants_in_order() {
        let events = Events::new("n1");
        events.tell(Happening::new("session.started"));
        let all = events.listen(10, None, any());
        let streams = events.listen(10, None, Arc::new(|event: &Event| event.kind.starts_with("stream.")));
        assert!(all.arrived().now_or_never().is_none());
        events.tell(Happening::new("stream.started").stream("cam1").with("codecs", "h264"));
        events.tell(Happening::new("session.ended").session("s-1").with_some("reason", None::<&str>));
        assert!(all.arrived().now_or_never().is_some());
        assert_eq!((taken(&all), taken(&streams)), ((vec![2, 3], 0), (vec![2], 0)));
        streams.set_filter(any());
        events.tell(Happening::new("session.ended"));
        streams.with_queue(|queue| {
            let event = queue.take(1, usize::MAX).events.remove(0);
            assert_eq!((event.sequence, &*event.kind, event.source.is_none()), (4, "session.ended", true));
            assert_eq!(event.attributes, [(Cow::Borrowed("node"), "n1".to_owned())]);
        });
    }

    #[test]
    fn who_comes_back_gets_what_is_kept_and_is_told_of_the_gap() {
        let events = Events::default();
        let numbers = |after| taken(&events.listen(5, Some(after), any()));
        assert_eq!((numbers(0), numbers(7)), ((vec![], 0), (vec![], 0)));
        for _ in 0..KEPT + 10 {
            events.tell(Happening::new("a"));
        }
        let last = KEPT as u64 + 10;
        assert_eq!(numbers(last - 2), (vec![last - 1, last], 0));
        assert_eq!(numbers(last), (vec![], 0));
        let (all, missed) = numbers(3);
        assert_eq!((all.len(), all[0], missed), (KEPT, 11, 7));
        // Of a server before this one: nothing is known of what was missed, but all that there is comes.
        assert_eq!(numbers(1_000_000).0.len(), KEPT);
    }

    #[test]
    fn a_listener_that_goes_is_forgotten_and_a_slow_one_loses_the_oldest() {
        let events = Events::default();
        drop(events.listen(5, None, any()));
        let slow = events.listen(5, None, any());
        for _ in 0..100 {
            events.tell(Happening::new("a"));
        }
        assert_eq!(events.state().listeners.len(), 1);
        assert_eq!(taken(&slow), (vec![96, 97, 98, 99, 100], 95));
    }

    #[test]
    fn what_happens_often_is_told_as_a_sum() {
        let events = Events::default();
        let all = events.listen(10, None, any());
        for _ in 0..1_000 {
            events.count("session.limited", [("action", "play"), ("limit", "sessions")], 1);
        }
        events.count("media.dropped", [("queue", "shard"), ("", "")], 3);
        events.count("media.dropped", [("queue", "send"), ("", "")], 0);
        events.tell_counts();
        events.tell_counts();
        let told = all.with_queue(|queue| queue.take(10, usize::MAX).events);
        let lines: Vec<String> = told
            .iter()
            .map(|event| {
                let attributes = event.attributes.iter().map(|(key, value)| format!(" {key}={value}"));
                format!("{}{}", event.kind, attributes.collect::<String>())
            })
            .collect();
        assert_eq!(
            lines,
            ["media.dropped queue=shard count=3 node=", "session.limited action=play limit=sessions count=1000 node="]
        );
    }

    #[test]
    fn what_others_say_is_bounded_and_plain() {
        let plugin: Arc<str> = "p".into();
        let mut happening = Happening::by_plugin(&plugin, "plugin.p.a\nb\u{1b}ü");
        for number in 0..100 {
            happening = happening.with(format!("k{number}"), "é".repeat(5_000));
        }
        let Happening(event) = happening;
        assert_eq!((&*event.kind, event.attributes.len()), ("plugin.p.a_b__", MAX_ATTRIBUTES));
        assert!(event.attributes.iter().all(|(_, value)| value.len() == MAX_VALUE) && event.source == Some(plugin));
    }
}
