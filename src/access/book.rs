//! Who has been let in, on what terms, and when each is to be asked again.

use super::agenda::{Agenda, Cause};
use super::{Denial, Grant, verdict};
use crate::media::StreamName;
use crate::plugin::{Action, Facts, Selection};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A session that was let in, as the last answer left it.
#[derive(Debug)]
pub struct Standing {
    pub id: Arc<str>,
    pub action: Action,
    /// The stream that it publishes or plays, which may be another than the one asked for.
    pub stream: StreamName,
    /// As first asked.
    pub facts: Arc<Facts>,
    pub grant: Grant,
    /// When it was first allowed.
    pub since: Instant,
    /// When the last answer came.
    pub decided: Instant,
    /// How often it was asked.
    pub times: u32,
}

impl Standing {
    /// When it is asked again, unless a plugin revokes.
    pub fn ends(&self) -> Option<Instant> {
        self.grant.ttl.map(|ttl| self.decided + ttl)
    }

    /// The facts for asking again.
    pub(super) fn facts_at(&self, now: Instant) -> Arc<Facts> {
        // A session that is asked again is never new, however soon.
        let age = now.saturating_duration_since(self.since).max(Duration::from_millis(1));
        let (subject, tags) = (self.grant.subject.clone(), self.grant.all_tags());
        Arc::new(Facts { subject, tags, age, ..(*self.facts).clone() })
    }

    /// Whether a plugin means this session.
    pub fn is_in(&self, selection: &Selection) -> bool {
        match selection {
            Selection::Session(id) => *id == *self.id,
            Selection::Subject(subject) => self.grant.subject.as_ref() == Some(subject),
            Selection::Stream(name) => self.stream.as_str() == name || self.facts.stream == *name,
            Selection::Tag(key, value) => self.grant.tag(key) == Some(value),
            Selection::Everything => true,
        }
    }
}

/// All sessions that were let in and are not over. Its lock is held for map operations only.
#[derive(Debug, Default)]
pub struct Book {
    pages: Mutex<Pages>,
    /// The most viewers of any stream, whatever its publisher was granted; 0: any number.
    viewers_per_stream: AtomicU32,
    /// Told when there may be something to ask sooner than was known.
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    standings: HashMap<Arc<str>, Arc<Standing>>,
    agenda: Agenda,
    houses: HashMap<StreamName, House>,
}

/// The viewers of a stream, connected or about to be.
#[derive(Debug, Default)]
struct House {
    viewers: u32,
    /// Who publishes it, and the most viewers that were granted; behind the first those who are about to take it over.
    publishers: Vec<(Arc<str>, Option<u32>)>,
}

/// The entry of a session that is being made: taken back by drop unless it is kept.
#[derive(Debug)]
pub struct Entry {
    book: Option<Arc<Book>>,
    id: Arc<str>,
}

impl Entry {
    /// The session exists now; [`Book::forget`] ends it.
    pub fn keep(mut self) {
        self.book = None;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(book) = &self.book {
            book.forget(&self.id);
        }
    }
}

impl Book {
    /// Enters a session.
    ///
    /// # Errors
    /// When it would view a stream whose publisher was granted fewer viewers, or that has as many as any may have.
    pub fn enter(self: &Arc<Self>, standing: Standing) -> Result<Entry, Denial> {
        let (id, ends) = (standing.id.clone(), standing.ends());
        let mut pages = self.pages();
        let house = pages.houses.entry(standing.stream.clone()).or_default();
        match standing.action {
            Action::Publish => house.publishers.push((id.clone(), standing.grant.max_viewers)),
            Action::Play => {
                if let Some((_, Some(most))) = house.publishers.first()
                    && house.viewers >= *most
                {
                    return Err(Denial::StreamFull(*most));
                }
                let most = self.viewers_per_stream.load(Ordering::Relaxed);
                if most > 0 && house.viewers >= most {
                    return Err(Denial::StreamAtLimit(most));
                }
                house.viewers += 1;
            }
            Action::Admin => {}
        }
        pages.agenda.insert(id.clone(), verdict::lane(&standing.grant.steps), ends);
        pages.standings.insert(id.clone(), Arc::new(standing));
        drop(pages);
        if ends.is_some() {
            self.sooner.notify_one();
        }
        Ok(Entry { book: Some(self.clone()), id })
    }

    /// Sets the most viewers of any stream; 0: any number. Those who watch stay.
    pub fn set_viewers_per_stream(&self, most: u32) {
        self.viewers_per_stream.store(most, Ordering::Relaxed);
    }

    /// The streams that somebody watches or is about to, and how many do.
    pub fn watched(&self) -> Vec<(StreamName, u32)> {
        let pages = self.pages();
        let watched = pages.houses.iter().filter(|(_, house)| house.viewers > 0);
        watched.map(|(stream, house)| (stream.clone(), house.viewers)).collect()
    }

    /// A session is over.
    pub fn forget(&self, id: &str) {
        let mut pages = self.pages();
        let Some(standing) = pages.standings.remove(id) else { return };
        pages.agenda.remove(id);
        let Some(house) = pages.houses.get_mut(&standing.stream) else { return };
        match standing.action {
            Action::Play => house.viewers -= 1,
            _ => house.publishers.retain(|(publisher, _)| **publisher != *id),
        }
        if house.viewers == 0 && house.publishers.is_empty() {
            pages.houses.remove(&standing.stream);
        }
        drop(pages);
        // A place for a question may have become free.
        self.sooner.notify_one();
    }

    pub fn get(&self, id: &str) -> Option<Arc<Standing>> {
        self.pages().standings.get(id).cloned()
    }

    /// Who publishes a stream.
    pub fn publisher(&self, stream: &StreamName) -> Option<Arc<Standing>> {
        let pages = self.pages();
        let (id, _) = pages.houses.get(stream)?.publishers.first()?;
        pages.standings.get(id).cloned()
    }

    /// Everyone, in no order.
    pub fn list(&self) -> Vec<Arc<Standing>> {
        self.pages().standings.values().cloned().collect()
    }

    /// Has a session asked at once.
    pub fn revoke(&self, id: &Arc<str>) {
        self.pages().agenda.revoke(id);
        self.sooner.notify_one();
    }

    /// The next session to ask, and why. Its answer must be told to [`Book::renew`] or [`Book::postpone`], unless it ends.
    pub fn next(&self, now: Instant) -> Option<(Arc<Standing>, Cause)> {
        let mut pages = self.pages();
        let (id, cause) = pages.agenda.next(now)?;
        let standing = pages.standings.get(&id).cloned().expect("agenda and standings hold the same sessions");
        Some((standing, cause))
    }

    /// A session that was asked again goes on with another grant. None when it ended meanwhile.
    pub fn renew(&self, id: &Arc<str>, grant: Grant, now: Instant) -> Option<Arc<Standing>> {
        let mut pages = self.pages();
        let old = pages.standings.get(id)?.clone();
        let renewed = Arc::new(Standing {
            id: id.clone(),
            action: old.action,
            stream: old.stream.clone(),
            facts: old.facts.clone(),
            // The name is fixed by the first answer, and so are what the routers said and the places that it has.
            grant: Grant {
                stream_name: old.grant.stream_name.clone(),
                routing: old.grant.routing.clone(),
                counted: old.grant.counted.clone(),
                ..grant
            },
            since: old.since,
            decided: now,
            times: old.times.saturating_add(1),
        });
        pages.standings.insert(id.clone(), renewed.clone());
        pages.agenda.answered(id, verdict::lane(&renewed.grant.steps), renewed.ends());
        let house = pages.houses.get_mut(&renewed.stream);
        let mut publishers = house.into_iter().flat_map(|house| &mut house.publishers);
        if let Some((_, most)) = publishers.find(|(publisher, _)| publisher == id) {
            *most = renewed.grant.max_viewers;
        }
        drop(pages);
        self.sooner.notify_one();
        Some(renewed)
    }

    /// A question broke off: the session is asked again at `at`.
    pub fn postpone(&self, id: &Arc<str>, at: Instant) {
        let mut pages = self.pages();
        let lane = pages.standings.get(id).map(|standing| verdict::lane(&standing.grant.steps)).unwrap_or_default();
        pages.agenda.answered(id, lane, Some(at));
        drop(pages);
        self.sooner.notify_one();
    }

    pub fn wake_at(&self) -> Option<Instant> {
        self.pages().agenda.wake_at()
    }

    /// Waits until there may be something to ask sooner than [`Book::wake_at`] said.
    pub async fn sooner(&self) {
        self.sooner.notified().await;
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(id: &str, action: Action, stream: &str, grant: Grant) -> Standing {
        let now = Instant::now();
        let mut facts = Facts::new(id.to_owned(), action, "whep", "192.0.2.1".parse().unwrap());
        facts.stream = "asked".to_owned();
        let stream = stream.parse().unwrap();
        Standing { id: id.into(), action, stream, facts: Arc::new(facts), grant, since: now, decided: now, times: 1 }
    }

    fn most(viewers: u32) -> Grant {
        Grant { max_viewers: Some(viewers), ..Grant::default() }
    }

    #[test]
    fn a_stream_takes_as_many_viewers_as_its_publisher_was_granted() {
        let book = Arc::new(Book::default());
        let view = |id: &str| book.enter(standing(id, Action::Play, "cam", Grant::default()));
        view("early").unwrap().keep();
        book.enter(standing("p", Action::Publish, "cam", most(2))).unwrap().keep();
        let second = view("b").unwrap();
        assert_eq!(view("c").unwrap_err(), Denial::StreamFull(2));
        book.enter(standing("other", Action::Play, "cam2", Grant::default())).unwrap().keep();
        // One that was never kept gives its place back.
        drop(second);
        view("d").unwrap().keep();
        book.renew(&"p".into(), most(3), Instant::now()).unwrap();
        view("e").unwrap().keep();
        assert_eq!(view("f").unwrap_err(), Denial::StreamFull(3));
        book.forget("e");
        book.forget("e");
        view("g").unwrap().keep();
        assert!(view("h").is_err());
        // A publisher who is gone limits nobody, and the end of an old one does not lift the limit of the new.
        book.enter(standing("p2", Action::Publish, "cam", most(1))).unwrap().keep();
        book.forget("p");
        assert_eq!(view("i").unwrap_err(), Denial::StreamFull(1));
        book.forget("p2");
        view("j").unwrap().keep();
        for id in ["early", "d", "g", "j", "other"] {
            book.forget(id);
        }
        assert!(book.pages().houses.is_empty() && book.list().is_empty());
    }

    #[test]
    fn no_stream_has_more_viewers_than_any_may_have() {
        let book = Arc::new(Book::default());
        let view = |id: &str, stream: &str| book.enter(standing(id, Action::Play, stream, Grant::default()));
        book.set_viewers_per_stream(2);
        for (id, stream) in [("a", "cam"), ("b", "cam"), ("c", "other")] {
            view(id, stream).unwrap().keep();
        }
        assert_eq!(view("d", "cam").unwrap_err(), Denial::StreamAtLimit(2));
        book.enter(standing("p", Action::Publish, "cam", most(1))).unwrap().keep();
        assert_eq!(view("d", "cam").unwrap_err(), Denial::StreamFull(1), "the grant says less");
        book.forget("p");
        book.set_viewers_per_stream(1);
        assert_eq!(view("d", "cam").unwrap_err(), Denial::StreamAtLimit(1), "who is there stays, but none comes in");
        let mut watched = book.watched();
        watched.sort();
        assert_eq!(watched, [("cam".parse().unwrap(), 2), ("other".parse().unwrap(), 1)]);
        book.set_viewers_per_stream(0);
        view("d", "cam").unwrap().keep();
        ["a", "b", "c", "d"].iter().for_each(|id| book.forget(id));
        assert!(book.watched().is_empty() && book.pages().houses.is_empty());
    }

    #[test]
    fn a_renewal_keeps_the_name_and_counts() {
        let book = Arc::new(Book::default());
        let alias = Grant { stream_name: Some("cam".parse().unwrap()), ..Grant::default() };
        book.enter(standing("a", Action::Play, "cam", alias)).unwrap().keep();
        let other = Grant {
            stream_name: Some("elsewhere".parse().unwrap()),
            subject: Some("alice".to_owned()),
            ttl: Some(Duration::from_secs(5)),
            ..Grant::default()
        };
        let later = Instant::now() + Duration::from_secs(9);
        let renewed = book.renew(&"a".into(), other, later).unwrap();
        assert_eq!((renewed.stream.as_str(), renewed.times), ("cam", 2));
        assert_eq!(renewed.grant.stream_name, Some("cam".parse().unwrap()));
        assert_eq!(renewed.ends(), Some(later + Duration::from_secs(5)));
        let facts = renewed.facts_at(later);
        assert!(facts.age >= Duration::from_secs(8) && facts.subject.as_deref() == Some("alice"));
        assert_eq!(facts.stream, "asked");
        assert!(renewed.facts_at(renewed.since).age > Duration::ZERO);
        book.forget("a");
        assert!(book.renew(&"a".into(), Grant::default(), later).is_none());
    }

    #[test]
    fn selections_mean_the_sessions_that_they_name() {
        let grant = Grant {
            subject: Some("alice".to_owned()),
            tags: [("plan".to_owned(), "free".to_owned())].into(),
            ..Grant::default()
        };
        let alice = standing("s1", Action::Play, "cam", grant);
        let text = |text: &str| text.to_owned();
        let rows = [
            (Selection::Session(text("s1")), true),
            (Selection::Session(text("s2")), false),
            (Selection::Subject(text("alice")), true),
            (Selection::Subject(text("")), false),
            (Selection::Stream(text("cam")), true),
            (Selection::Stream(text("asked")), true),
            (Selection::Stream(text("ca")), false),
            (Selection::Tag(text("plan"), text("free")), true),
            (Selection::Tag(text("plan"), text("paid")), false),
            (Selection::Tag(text("x"), text("free")), false),
            (Selection::Everything, true),
        ];
        for (selection, expected) in rows {
            assert_eq!(alice.is_in(&selection), expected, "{selection:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_for_what_comes_sooner() {
        let book = Arc::new(Book::default());
        assert_eq!(book.wake_at(), None);
        let short = Grant { ttl: Some(Duration::from_secs(1)), ..Grant::default() };
        let entered = standing("a", Action::Play, "cam", short);
        let ends = entered.ends().unwrap();
        book.enter(entered).unwrap().keep();
        book.sooner().await;
        assert!(book.wake_at().unwrap() >= ends);
        assert!(book.next(ends).is_none());
        let (due, cause) = book.next(ends + Duration::from_secs(1)).unwrap();
        assert_eq!((&*due.id, cause), ("a", Cause::Expired));
        book.postpone(&due.id, ends + Duration::from_secs(2));
        assert!(book.next(ends + Duration::from_secs(1)).is_none());
        book.revoke(&due.id);
        assert_eq!(book.next(ends).unwrap().1, Cause::Revoked);
        book.forget("a");
        assert!(book.next(ends + Duration::from_secs(9)).is_none());
    }
}
