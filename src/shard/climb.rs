//! `auto` among the layers of one picture (SVC): who leaves the choice to us, and tells what arrives, gets the sizes and frame rates
//! that its way carries.

use super::adaptation::{Choice, Rung, policy};
use super::slot::SlotState;
use super::worker::Worker;
use crate::hub::{Stream, Thinned, ladder};
use crate::media::{LayerId, MediaKind};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Who has told nothing by then, as was agreed, gets all.
const TELLS_WITHIN: Duration = Duration::from_secs(5);
/// A step of less was seen and not measured yet, in bits a second.
const MEASURED: u64 = 1_000;

/// A viewer of a picture with layers whose way is measured.
#[derive(Debug)]
pub struct Climber {
    /// What each rung gives, from the lowest to the best.
    steps: Vec<LayerId>,
    rungs: Vec<Rung>,
    /// The rung that it gets, as the policy knows.
    current: usize,
    /// The layers that its way carries; all that there are at the top.
    wanted: LayerId,
    /// The rung that it asked for.
    pinned: Option<usize>,
    /// Rungs have other places than the policy knows, or another one was asked for.
    changed: bool,
    /// It is being tried whether its way carries more.
    pub(super) probing: bool,
}

impl Climber {
    /// For a viewer that starts with what a weak link carries, or as it asked. `allowed`: what wish and grant give at most.
    fn start(all: &[Thinned], asked: LayerId, allowed: LayerId) -> Climber {
        let mut climber = Climber {
            steps: Vec::new(),
            rungs: Vec::new(),
            current: 0,
            wanted: LayerId::ALL,
            pinned: None,
            changed: false,
            probing: false,
        };
        climber.look(all, asked, allowed);
        climber.current = climber.pinned.unwrap_or_else(|| policy::start(&climber.rungs));
        climber.wanted = climber.layers(climber.current);
        climber
    }

    /// Looks at the layers that are sent now; once a second, as they are measured, and when the wish is another. Returns those that the
    /// viewer is to get.
    pub(super) fn look(&mut self, all: &[Thinned], asked: LayerId, allowed: LayerId) -> LayerId {
        let steps = ladder(all);
        let rung = |one: &Thinned| Rung {
            bits_per_second: if one.bitrate < MEASURED { 0 } else { one.bitrate },
            active: allowed.includes(one.layers),
        };
        self.rungs = steps.iter().map(rung).collect();
        let layers: Vec<LayerId> = steps.iter().map(|one| one.layers).collect();
        self.changed |= layers != self.steps;
        self.steps = layers;
        let pinned = (asked != LayerId::ALL).then(|| self.rung(asked));
        self.changed |= pinned != self.pinned;
        self.pinned = pinned;
        if pinned.is_some() { allowed } else { allowed.min(self.wanted) }
    }

    /// The rung of a viewer who gets these layers.
    fn rung(&self, layers: LayerId) -> usize {
        self.steps.iter().rposition(|step| layers.includes(*step)).unwrap_or_default()
    }

    /// The layers of a rung. The top leaves nothing out, whatever the publisher adds.
    fn layers(&self, rung: usize) -> LayerId {
        self.steps.get(rung).filter(|_| rung + 1 < self.steps.len()).copied().unwrap_or(LayerId::ALL)
    }
}

impl Worker {
    /// A viewer comes to a stream that has no other renditions. Returns the rung that it starts at.
    pub(super) fn start_climbing(&mut self, slot: usize, stream: &Stream) -> usize {
        let session = &self.slots[slot].session;
        let measured = session.negotiated.media.iter().any(|media| media.feedback.transport_cc);
        if !measured || self.choosers.contains_key(&slot) {
            return 0;
        }
        let asked = session.asked_layers();
        let climber = Climber::start(&stream.layers(), asked, asked);
        let rung = climber.current;
        self.climbers.insert(slot, climber);
        rung
    }

    /// Lets the policy decide about a viewer.
    pub(super) fn climb(&mut self, slot: usize) {
        let SlotState::Viewing { key, index, .. } = self.slots[slot].state else { return };
        let (Some(climber), Some(stream)) = (self.climbers.get_mut(&slot), self.streams.get_mut(&key)) else { return };
        let viewer = &mut stream.viewers[index];
        let picture = viewer.lanes.iter().find(|lane| lane.kind == MediaKind::Video);
        let (Some(auto), Some(lane)) = (&mut viewer.auto, picture) else { return };
        let (session, now) = (&self.slots[slot].session, self.clock.now);
        let present = lane.thinned().map_or(LayerId::ALL, |(present, _)| present);
        let here = climber.rung(present);
        let arrived = here != climber.current;
        if std::mem::take(&mut climber.changed) {
            auto.renumber(here);
            auto.pin(climber.pinned);
        } else if arrived {
            auto.moved(now, here);
            self.metrics.moves_up.add(u64::from(here > climber.current));
            self.metrics.moves_down.add(u64::from(here < climber.current));
        }
        climber.current = here;
        let choice = auto.decide(now, &climber.rungs);
        let estimate = auto.estimator().bits_per_second();
        session.stats.estimate.store(estimate.unwrap_or_default(), Ordering::Relaxed);
        let was_probing = std::mem::replace(&mut climber.probing, auto.is_probing());
        self.metrics.probes.add(u64::from(climber.probing && !was_probing));
        let silent = estimate.is_none() && now >= self.slots[slot].born + TELLS_WITHIN;
        // A connection has its own control of congestion, and hides from us what the way carries.
        let unknown = silent || viewer.peer.link.is_some();
        let wanted = match choice {
            _ if unknown => LayerId::ALL,
            Choice::Up(to) | Choice::Down { to, .. } => climber.layers(to),
            _ => climber.layers(auto.heading().unwrap_or(here)),
        };
        let changes = climber.pinned.is_none() && wanted != climber.wanted;
        if changes {
            tracing::debug!(session = %session.id, ?choice, estimate, layers = %wanted, "the way decides");
            climber.wanted = wanted;
        }
        let waits = lane.keeps_size() && wanted.spatial() < present.spatial();
        if changes || arrived {
            self.thin(slot);
        }
        if changes && waits && matches!(choice, Choice::Down { at_once: true, .. }) {
            self.wait_for_size(slot);
        }
    }

    /// Sends no more of a picture that is too much for its viewer, until the keyframe of a smaller one comes.
    fn wait_for_size(&mut self, slot: usize) {
        if let SlotState::Viewing { key, index, .. } = self.slots[slot].state
            && let Some(stream) = self.streams.get_mut(&key)
        {
            stream.hold(index);
            stream.release(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kbps: &[(u8, u8, u64)]) -> Vec<Thinned> {
        let step =
            |(s, t, kbps): &(u8, u8, u64)| Thinned { layers: LayerId::new(*s, *t), size: None, bitrate: kbps * 1_000 };
        kbps.iter().map(step).collect()
    }

    #[test]
    fn viewers_start_where_a_weak_link_can_follow_and_the_top_leaves_nothing_out() {
        let id = LayerId::new;
        let (weak, strong) =
            ([(0, 0, 60), (0, 1, 100), (1, 1, 400), (2, 1, 1_200)], [(0, 0, 200), (1, 0, 900), (2, 0, 4_000)]);
        let rows = [
            (&weak[..], LayerId::ALL, LayerId::ALL, 3, LayerId::ALL),
            (&strong[..], LayerId::ALL, LayerId::ALL, 1, id(1, 0)),
            (&strong[..], id(0, 3), id(0, 3), 0, id(0, 3)),
            (&strong[..], id(2, 0), id(2, 0), 2, id(2, 0)),
            (&[], LayerId::ALL, LayerId::ALL, 0, LayerId::ALL),
        ];
        for (all, asked, allowed, rung, given) in rows {
            let all = steps(all);
            let mut climber = Climber::start(&all, asked, allowed);
            assert_eq!((climber.current, climber.look(&all, asked, allowed)), (rung, given), "{all:?} {asked}");
        }
    }

    #[test]
    fn rungs_follow_the_layers_that_are_sent_and_the_grant() {
        let id = LayerId::new;
        let all = steps(&[(0, 0, 60), (0, 1, 100), (1, 0, 300), (1, 1, 400), (2, 0, 900), (2, 1, 1_200)]);
        let mut climber = Climber::start(&all, LayerId::ALL, id(1, 1));
        assert_eq!(climber.steps, [id(0, 0), id(0, 1), id(1, 1), id(2, 1)]);
        let active: Vec<bool> = climber.rungs.iter().map(|rung| rung.active).collect();
        assert_eq!(active, [true, true, true, false], "the grant has no more");
        assert_eq!(climber.rungs[2].bits_per_second, 400_000);
        assert!(std::mem::take(&mut climber.changed), "it is new");
        assert_eq!([id(0, 0), id(0, 3), id(1, 0), LayerId::ALL].map(|layers| climber.rung(layers)), [0, 1, 0, 3]);
        climber.look(&all, LayerId::ALL, LayerId::ALL);
        assert!(!climber.changed && climber.rungs[3].active);
        climber.look(&all[..4], LayerId::ALL, LayerId::ALL);
        assert!(std::mem::take(&mut climber.changed), "the publisher sends less");
        assert_eq!((climber.rung(LayerId::ALL), climber.layers(2), climber.layers(1)), (2, LayerId::ALL, id(0, 1)));
        climber.look(&all[..4], id(0, 1), id(0, 1));
        assert!(climber.changed && climber.pinned == Some(1));
    }
}
