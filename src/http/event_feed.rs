//! What happens to a session's stream, as the events that its viewer asked for.

use super::App;
use super::layers::{Layers, Shape};
use crate::hub::{Hub, Liveness};
use crate::media::StreamName;
use crate::shard::{CloseReason, Doors, Session, SessionState};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// An event of the WHEP events extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    /// Somebody publishes the stream.
    Active,
    /// Nobody publishes it any more.
    Inactive,
    /// The layers that can be chosen from.
    Layers,
    /// How many watch.
    ViewerCount,
    /// The viewer should start anew, here or elsewhere.
    Reconnect,
    /// The session is over, and why; not in the draft. For publishers too.
    Ended,
}

impl EventKind {
    const ALL: [EventKind; 6] = [
        EventKind::Active,
        EventKind::Inactive,
        EventKind::Layers,
        EventKind::ViewerCount,
        EventKind::Reconnect,
        EventKind::Ended,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            EventKind::Active => "active",
            EventKind::Inactive => "inactive",
            EventKind::Layers => "layers",
            EventKind::ViewerCount => "viewercount",
            EventKind::Reconnect => "reconnect",
            EventKind::Ended => "ended",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// All names, as in the `events` attribute of the Link.
    pub(super) fn names() -> String {
        EventKind::ALL.map(EventKind::name).join(",")
    }
}

/// Some of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventSet(u8);

impl EventSet {
    pub(super) fn all() -> EventSet {
        EventKind::ALL.into_iter().collect()
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, kind: EventKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

impl FromIterator<EventKind> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        EventSet(kinds.into_iter().fold(0, |set, kind| set | (1 << kind as u8)))
    }
}

/// An event with its data, one line of JSON.
type Message = (EventKind, String);

/// Events that wait for a reader. A burst is six; a reader that lets eight wait is not reading.
const QUEUE: usize = 8;
/// A reader that takes nothing for this long is dropped.
const READER_PATIENCE: Duration = Duration::from_secs(20);
/// How often viewers are counted, which bounds how often the count is sent.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// Follows a session's stream for one reader.
pub(super) struct Feed {
    app: Arc<App>,
    hub: Hub,
    stream: StreamName,
    /// The index of the video's m-line, which names it in `layers`.
    video: Option<usize>,
    session: Arc<Session>,
    state: watch::Receiver<SessionState>,
    doors: watch::Receiver<Doors>,
    stopping: CancellationToken,
    stop: CancellationToken,
    out: mpsc::Sender<Message>,
    wanted: EventSet,
}

impl Feed {
    /// Starts to follow. The queue ends when the session or the server does, when `stop` is cancelled, or when its
    /// reader is too slow.
    pub(super) fn start(
        app: &Arc<App>,
        session: &Arc<Session>,
        wanted: EventSet,
        stop: CancellationToken,
    ) -> mpsc::Receiver<Message> {
        let (out, receiver) = mpsc::channel(QUEUE);
        let feed = Feed {
            app: app.clone(),
            hub: app.state.hub.clone(),
            stream: session.stream.clone(),
            video: video_line(&session.negotiated.answer),
            state: session.watch(),
            session: session.clone(),
            doors: app.state.sessions.watch_doors(),
            stopping: app.state.stopping.clone(),
            stop,
            out,
            wanted,
        };
        let id = session.id.clone();
        tokio::spawn(async move {
            let app = feed.app.clone();
            if feed.run().await {
                app.events.forget(id.as_str());
            }
        });
        receiver
    }

    /// Returns whether the session is over.
    async fn run(mut self) -> bool {
        let mut changes = self.hub.changes();
        let mut ticks = tokio::time::interval(COUNT_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut progress = Progress::default();
        loop {
            let count_due = tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                () = self.out.closed() => return false,
                () = self.stopping.cancelled() => false,
                result = self.state.changed() => {
                    if result.is_err() {
                        return true;
                    }
                    false
                }
                _ = changes.changed() => false,
                _ = self.doors.changed() => false,
                _ = ticks.tick() => true,
            };
            let seen = self.look(count_due);
            for (kind, data) in progress.step(&seen) {
                if self.wanted.has(kind) && self.out.send_timeout((kind, data), READER_PATIENCE).await.is_err() {
                    return false;
                }
            }
            if seen.is_over() {
                return matches!(seen.session, SessionState::Closed(_));
            }
        }
    }

    fn look(&self, count_due: bool) -> Seen {
        let stream = self.hub.stream(&self.stream);
        let stream = stream.filter(|stream| stream.liveness() == Liveness::Live);
        Seen {
            active: stream.is_some(),
            viewers: stream.as_ref().filter(|_| count_due).map(|stream| stream.viewers()),
            layers: stream.filter(|_| count_due).and_then(|stream| Layers::of(&stream, self.video)),
            session: self.state.borrow().clone(),
            farewell: self.session.farewell().map(str::to_owned),
            draining: *self.doors.borrow() == Doors::Draining,
            stopping: self.stopping.is_cancelled(),
        }
    }
}

/// What one look at the stream, the session and the server showed.
#[derive(Clone, Debug)]
struct Seen {
    active: bool,
    /// Where it is time to count.
    viewers: Option<u32>,
    layers: Option<Layers>,
    session: SessionState,
    /// Words for the client, where whoever ended the session gave some.
    farewell: Option<String>,
    draining: bool,
    stopping: bool,
}

impl Seen {
    fn is_over(&self) -> bool {
        self.stopping || matches!(self.session, SessionState::Closed(_))
    }
}

/// What the reader was told last.
#[derive(Debug, Default)]
struct Progress {
    active: bool,
    viewers: Option<u32>,
    layers: Shape,
    sent_away: bool,
}

impl Progress {
    /// What the reader is to be told now.
    fn step(&mut self, seen: &Seen) -> Vec<Message> {
        let mut messages = Vec::new();
        use CloseReason::{Shutdown, StreamEnded, StreamReplaced};
        // An end is told even where the stream's own end has not been seen yet. A reader that never heard `active` is
        // not told `inactive` (4.9.1.2).
        let active = seen.active && !seen.session.is_closed_by(&[StreamEnded, StreamReplaced]);
        if active != self.active {
            self.active = active;
            messages.push((if active { EventKind::Active } else { EventKind::Inactive }, "{}".to_owned()));
        }
        if let Some(layers) = &seen.layers
            && self.layers != layers.shape()
        {
            self.layers = layers.shape();
            messages.push((EventKind::Layers, layers.to_json()));
        }
        if seen.viewers.is_some() && seen.viewers != self.viewers {
            self.viewers = seen.viewers;
            messages.push((EventKind::ViewerCount, json!({ "viewercount": seen.viewers }).to_string()));
        }
        // Another publisher's stream has the name by now, or another server the viewers.
        let go = seen.stopping || seen.draining || seen.session.is_closed_by(&[Shutdown, StreamReplaced]);
        if go && !self.sent_away {
            messages.push((EventKind::Reconnect, "{}".to_owned()));
        }
        self.sent_away = go;
        if let SessionState::Closed(reason) = seen.session {
            let detail = seen.farewell.as_deref().unwrap_or(words(reason));
            messages.push((EventKind::Ended, json!({ "reason": reason.name(), "detail": detail }).to_string()));
        }
        messages
    }
}

/// What a client is told where nobody said more.
fn words(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::ByPeer => "The session was ended by its owner.",
        CloseReason::ConnectTimeout => "No media connection came in time.",
        CloseReason::Inactive => "Nothing was heard for too long.",
        CloseReason::StreamEnded => "The stream has ended.",
        CloseReason::StreamReplaced => "The stream goes on with other codecs or tracks; connect again.",
        CloseReason::Replaced => "Another publisher has taken the stream over.",
        CloseReason::Kicked => "The operator ended the session.",
        CloseReason::AccessRevoked => "The session is no longer allowed.",
        CloseReason::AccessExpired => "The time of the session is over.",
        CloseReason::LimitExceeded => "The session's bitrate was above what it may have.",
        CloseReason::Shutdown => "The server stops.",
        CloseReason::DtlsFailed => "The encrypted connection failed.",
        CloseReason::Overload => "The server had no room for the session.",
    }
}

/// The index of the first m-line of an answer that carries video.
pub(super) fn video_line(answer: &str) -> Option<usize> {
    let sections = answer.split("\nm=").skip(1);
    let carries_video = |section: &str| {
        section.starts_with("video ")
            && !section.starts_with("video 0 ")
            && !section.lines().any(|line| line.trim_end() == "a=inactive")
    };
    sections.into_iter().position(carries_video)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(progress: &mut Progress, seen: &Seen) -> Vec<String> {
        progress.step(seen).into_iter().map(|(kind, data)| format!("{} {data}", kind.name())).collect()
    }

    #[test]
    fn a_reader_hears_of_each_change_once() {
        let quiet = Seen {
            active: false,
            viewers: None,
            layers: None,
            session: SessionState::Connected,
            farewell: None,
            draining: false,
            stopping: false,
        };
        let live = Seen { active: true, ..quiet.clone() };
        let closed = |reason, farewell: Option<&str>| Seen {
            session: SessionState::Closed(reason),
            farewell: farewell.map(str::to_owned),
            ..quiet.clone()
        };
        let layers = |bitrate| Some(Layers::one(1, 1280, 720, bitrate));
        let mut progress = Progress::default();
        let rows: Vec<(Seen, Vec<&str>)> = vec![
            (quiet.clone(), vec![]),
            (Seen { viewers: Some(3), ..live.clone() }, vec!["active {}", "viewercount {\"viewercount\":3}"]),
            (live.clone(), vec![]),
            (Seen { viewers: Some(3), ..live.clone() }, vec![]),
            (Seen { viewers: Some(2), ..live.clone() }, vec!["viewercount {\"viewercount\":2}"]),
            (
                Seen { layers: layers(1_000_000), ..live.clone() },
                vec![
                    "layers {\"1\":[{\"bitrate\":1000000,\"height\":720,\"spatialLayerId\":0,\"temporalLayerId\":0,\
                     \"width\":1280}]}",
                ],
            ),
            (Seen { layers: layers(5), ..live.clone() }, vec![]),
            (quiet.clone(), vec!["inactive {}"]),
            (live.clone(), vec!["active {}"]),
            (
                Seen { active: true, ..closed(CloseReason::StreamEnded, None) },
                vec!["inactive {}", "ended {\"detail\":\"The stream has ended.\",\"reason\":\"stream-ended\"}"],
            ),
            (Seen { draining: true, ..quiet.clone() }, vec!["reconnect {}"]),
            (Seen { draining: true, ..quiet.clone() }, vec![]),
            (quiet.clone(), vec![]),
            (Seen { stopping: true, ..quiet.clone() }, vec!["reconnect {}"]),
            (quiet.clone(), vec![]),
            (
                Seen { active: true, ..closed(CloseReason::StreamReplaced, None) },
                vec![
                    "reconnect {}",
                    "ended {\"detail\":\"The stream goes on with other codecs or tracks; connect again.\",\
                     \"reason\":\"stream-replaced\"}",
                ],
            ),
            (quiet.clone(), vec![]),
            (
                closed(CloseReason::Shutdown, None),
                vec!["reconnect {}", "ended {\"detail\":\"The server stops.\",\"reason\":\"shutdown\"}"],
            ),
            (
                closed(CloseReason::AccessExpired, Some("Your ticket is over.")),
                vec!["ended {\"detail\":\"Your ticket is over.\",\"reason\":\"access-expired\"}"],
            ),
        ];
        for (step, (seen, expected)) in rows.iter().enumerate() {
            assert_eq!(&told(&mut progress, seen), expected, "step {step}");
        }
    }

    #[test]
    fn the_video_is_named_by_its_m_line() {
        let rows = [
            ("v=0\r\nm=audio 9 x\r\nm=video 9 x\r\na=sendonly\r\n", Some(1)),
            ("v=0\r\nm=video 9 x\r\na=sendonly\r\nm=audio 9 x\r\n", Some(0)),
            ("v=0\r\nm=audio 9 x\r\na=inactive\r\nm=video 9 x\r\n", Some(1)),
            ("v=0\r\nm=video 9 x\r\na=inactive\r\nm=video 9 x\r\na=sendonly\r\n", Some(1)),
            ("v=0\r\nm=video 0 x\r\n", None),
            ("v=0\r\nm=audio 9 x\r\n", None),
            ("", None),
        ];
        for (answer, expected) in rows {
            assert_eq!(video_line(answer), expected, "{answer}");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: EventSet = [EventKind::Active, EventKind::Reconnect].into_iter().collect();
        let held: Vec<_> = EventKind::ALL.into_iter().filter(|kind| set.has(*kind)).collect();
        assert_eq!(held, [EventKind::Active, EventKind::Reconnect]);
        assert!(EventKind::ALL.into_iter().all(|kind| EventSet::all().has(kind)));
        assert_eq!(EventKind::names(), "active,inactive,layers,viewercount,reconnect,ended");
        assert_eq!(EventKind::from_name("scte35"), None);
    }
}
