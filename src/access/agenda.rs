//! When which session is to be asked again: at the end of its time, or at once. Fed the time; asks nobody itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Questions of one lane that run at once because time is up or a plugin revoked. A plugin that revokes everything must
/// not push those who come in aside; at 3 µs a question 64 at once are plenty, and a webhook of 50 ms answers 1,280 a
/// second so.
pub(super) const AT_ONCE: usize = 64;
/// Sessions are asked this long after their time is up: times to live come rounded, and a plugin that compares with an
/// expiry of its own must find it past.
pub(super) const GRACE: Duration = Duration::from_millis(50);

/// Why a session is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The time that it was given is over.
    Expired,
    /// A plugin wants it.
    Revoked,
}

impl Cause {
    /// As in labels.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Expired => "expired",
            Cause::Revoked => "revoked",
        }
    }
}

/// The order of business. At most one question about a session is under way. Sessions wait in lanes, by the plugins that
/// were asked about them: so a slow plugin delays only its own.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeSet<(Instant, Arc<str>)>,
    entries: HashMap<Arc<str>, Entry>,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// The lane that was served last; the next one has its turn first.
    served: Option<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    lane: Arc<str>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting(Option<Instant>),
    Ready(Cause),
    /// `again`: something happened since the question left, so that its answer may be old already.
    Asking {
        again: bool,
    },
}

#[derive(Debug, Default)]
struct Lane {
    /// To be asked as soon as there is room, in this order. May name sessions that are gone.
    ready: VecDeque<Arc<str>>,
    asking: usize,
}

impl Agenda {
    /// A session was let in; `ends`: when its time is up.
    pub(super) fn insert(&mut self, id: Arc<str>, lane: Arc<str>, ends: Option<Instant>) {
        self.remove(&id);
        self.wait(id, lane, ends);
    }

    /// A session is over.
    pub(super) fn remove(&mut self, id: &str) {
        let Some((id, entry)) = self.entries.remove_entry(id) else { return };
        match entry.stage {
            Stage::Waiting(Some(at)) => drop(self.due.remove(&(at, id))),
            Stage::Asking { .. } => self.left(&entry.lane),
            Stage::Waiting(None) | Stage::Ready(_) => {}
        }
    }

    /// A session is to be asked at once.
    pub(super) fn revoke(&mut self, id: &Arc<str>) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        match entry.stage {
            Stage::Waiting(at) => {
                if let Some(at) = at {
                    self.due.remove(&(at, id.clone()));
                }
                self.queue(id, Cause::Revoked);
            }
            Stage::Ready(_) => entry.stage = Stage::Ready(Cause::Revoked),
            Stage::Asking { .. } => entry.stage = Stage::Asking { again: true },
        }
    }

    /// The next session to ask now, if there is one and room for a question. Its answer must be told to
    /// [`Agenda::answered`], unless it ends.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Arc<str>, Cause)> {
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, id)) = self.due.pop_first()
        {
            self.queue(&id, Cause::Expired);
        }
        let from = self.served.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let to = self.served.clone().map_or(Bound::Unbounded, Bound::Included);
        let later = self.lanes.range((from, Bound::Unbounded));
        let earlier = self.served.iter().flat_map(|_| self.lanes.range((Bound::Unbounded, to.clone())));
        let lanes: Vec<Arc<str>> = later.chain(earlier).map(|(name, _)| name.clone()).collect();
        lanes.into_iter().find_map(|lane| self.next_of(&lane))
    }

    fn next_of(&mut self, name: &Arc<str>) -> Option<(Arc<str>, Cause)> {
        let lane = self.lanes.get_mut(name)?;
        while lane.asking < AT_ONCE
            && let Some(id) = lane.ready.pop_front()
        {
            // Others have ended meanwhile, or stood in the queue twice.
            if let Some(entry) = self.entries.get_mut(&id)
                && let Stage::Ready(cause) = entry.stage
                && entry.lane == *name
            {
                entry.stage = Stage::Asking { again: false };
                lane.asking += 1;
                self.served = Some(name.clone());
                return Some((id, cause));
            }
        }
        self.close_if_idle(name);
        None
    }

    /// A session that was asked goes on; `ends`: when its time is up.
    pub(super) fn answered(&mut self, id: &Arc<str>, lane: Arc<str>, ends: Option<Instant>) {
        let Some(Entry { lane: old, stage: Stage::Asking { again } }) = self.entries.get(id) else { return };
        let (old, again) = (old.clone(), *again);
        self.left(&old);
        self.wait(id.clone(), lane, ends);
        if again {
            self.revoke(id);
        }
    }

    /// When [`Agenda::next`] may have something that it does not have now.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn wait(&mut self, id: Arc<str>, lane: Arc<str>, ends: Option<Instant>) {
        let due = ends.map(|ends| ends + GRACE);
        if let Some(due) = due {
            self.due.insert((due, id.clone()));
        }
        self.entries.insert(id, Entry { lane, stage: Stage::Waiting(due) });
    }

    fn queue(&mut self, id: &Arc<str>, cause: Cause) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.stage = Stage::Ready(cause);
        self.lanes.entry(entry.lane.clone()).or_default().ready.push_back(id.clone());
    }

    /// A question of a lane is over.
    fn left(&mut self, lane: &Arc<str>) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.asking -= 1;
        }
        self.close_if_idle(lane);
    }

    fn close_if_idle(&mut self, name: &Arc<str>) {
        if self.lanes.get(name).is_some_and(|lane| lane.asking == 0 && lane.ready.is_empty()) {
            self.lanes.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Desk {
        agenda: Agenda,
        start: Instant,
    }

    impl Desk {
        fn new() -> Self {
            Desk { agenda: Agenda::default(), start: Instant::now() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn insert(&mut self, id: &str, ends_ms: Option<u64>) {
            self.insert_in("plugin", id, ends_ms);
        }

        fn insert_in(&mut self, lane: &str, id: &str, ends_ms: Option<u64>) {
            self.agenda.insert(id.into(), lane.into(), ends_ms.map(|ms| self.at(ms)));
        }

        fn asking(&self) -> usize {
            self.agenda.lanes.values().map(|lane| lane.asking).sum()
        }

        fn next(&mut self, ms: u64) -> Option<(String, Cause)> {
            let now = self.at(ms);
            self.agenda.next(now).map(|(id, cause)| (id.to_string(), cause))
        }

        fn answered(&mut self, id: &str, ends_ms: Option<u64>) {
            let ends = ends_ms.map(|ms| self.at(ms));
            self.agenda.answered(&id.into(), "plugin".into(), ends);
        }
    }

    fn expired(id: &str) -> Option<(String, Cause)> {
        Some((id.to_owned(), Cause::Expired))
    }

    fn revoked(id: &str) -> Option<(String, Cause)> {
        Some((id.to_owned(), Cause::Revoked))
    }

    #[test]
    fn sessions_are_asked_when_their_time_is_up_never_before_and_again_after() {
        let mut desk = Desk::new();
        desk.insert("b", Some(2_000));
        desk.insert("a", Some(1_000));
        desk.insert("c", None);
        assert_eq!(desk.agenda.wake_at(), Some(desk.at(1_000) + GRACE));
        assert_eq!(desk.next(1_000), None);
        assert_eq!(desk.next(1_050), expired("a"));
        assert_eq!(desk.next(1_050), None);
        desk.answered("a", Some(3_000));
        assert_eq!(desk.next(2_500), expired("b"));
        desk.answered("b", None);
        assert_eq!(desk.next(10_000), expired("a"));
        assert_eq!((desk.next(10_000), desk.agenda.wake_at()), (None, None));
    }

    #[test]
    fn who_is_gone_is_not_asked() {
        let mut desk = Desk::new();
        for (id, ends) in [("a", Some(1)), ("b", Some(1)), ("c", None)] {
            desk.insert(id, ends);
        }
        desk.agenda.remove("a");
        desk.agenda.revoke(&"c".into());
        desk.agenda.remove("c");
        desk.agenda.revoke(&"unknown".into());
        assert_eq!(desk.next(100), expired("b"));
        desk.agenda.remove("b");
        desk.answered("b", Some(200));
        assert_eq!((desk.next(1_000), desk.agenda.wake_at(), desk.asking()), (None, None, 0));
        assert!(desk.agenda.entries.is_empty() && desk.agenda.due.is_empty() && desk.agenda.lanes.is_empty());
    }

    #[test]
    fn a_revocation_is_asked_at_once_and_once() {
        let mut desk = Desk::new();
        desk.insert("a", Some(60_000));
        desk.agenda.revoke(&"a".into());
        desk.agenda.revoke(&"a".into());
        assert_eq!(desk.next(0), revoked("a"));
        assert_eq!(desk.next(0), None);
        // What happens while the question is under way makes another one.
        desk.agenda.revoke(&"a".into());
        desk.answered("a", Some(60_000));
        assert_eq!(desk.next(0), revoked("a"));
        desk.answered("a", Some(60_000));
        assert_eq!((desk.next(0), desk.agenda.wake_at()), (None, Some(desk.at(60_000) + GRACE)));
    }

    #[test]
    fn only_so_many_are_asked_at_once() {
        let mut desk = Desk::new();
        for index in 0..1_000 {
            desk.insert(&index.to_string(), Some(1));
        }
        let first: Vec<_> = std::iter::from_fn(|| desk.next(100)).collect();
        assert_eq!(first.len(), AT_ONCE);
        desk.answered(&first[0].0, None);
        assert!(desk.next(100).is_some() && desk.next(100).is_none());
        for (id, _) in &first[1..] {
            desk.agenda.remove(id);
        }
        assert_eq!(std::iter::from_fn(|| desk.next(100)).count(), AT_ONCE - 1);
    }

    #[test]
    fn a_slow_plugin_delays_only_its_own_sessions() {
        let mut desk = Desk::new();
        for index in 0..1_000 {
            desk.insert_in("slow", &format!("slow-{index}"), Some(1));
        }
        desk.insert_in("fast", "fast-1", Some(1));
        desk.insert_in("fast", "fast-2", Some(2));
        let asked: Vec<_> = std::iter::from_fn(|| desk.next(100)).map(|(id, _)| id).collect();
        assert_eq!(asked.len(), AT_ONCE + 2);
        assert!(asked[..4].contains(&"fast-1".to_owned()) && asked[..4].contains(&"fast-2".to_owned()), "{asked:?}");
        desk.insert_in("fast", "fast-3", Some(3));
        desk.agenda.remove("fast-1");
        assert_eq!(desk.next(200), expired("fast-3"));
        assert_eq!(desk.next(200), None);
        // Whom another plugin decided about goes on in the lane of that one.
        desk.agenda.answered(&"slow-0".into(), "fast".into(), Some(desk.at(300)));
        assert!(desk.next(250).unwrap().0.starts_with("slow-"));
        assert_eq!(desk.next(400), expired("slow-0"));
    }

    #[test]
    fn a_name_that_comes_again_starts_anew() {
        let mut desk = Desk::new();
        desk.insert("a", Some(1));
        assert_eq!(desk.next(100), expired("a"));
        desk.insert("a", Some(500));
        assert_eq!((desk.next(200), desk.asking()), (None, 0));
        assert_eq!(desk.next(600), expired("a"));
    }
}
